"""The stored form of an account: it keeps all that the rules know, and the database refuses what cannot be."""

from copy import deepcopy
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, ObjectId
from mongoengine.connection import get_db
from pymongo.errors import WriteError

from app.models.account import Account, Grant, Hold
from app.models.ledger_entry import LedgerEntry
from app.models.token_account import TokenAccount, from_fields, to_fields
from app.services import account_commit, token_accounts
from tests.factories import OPERATOR, make_user

AT = datetime(2026, 6, 1, 12, 30, 15, 678_000, tzinfo=UTC)
# What belongs to writing and copying, and not to the rules.
OF_THE_DOCUMENT = {"id", "version", "entries", "entry_count", "drained_seq", "drained_balance", "drain_at", "due"}
# What the statistics keep of an account that has been copied from.
OF_STATISTICS = {"counted", "count_at"}

ACCOUNT = Account(
    id=ObjectId(),
    tier="pro",
    limit=1_000_000,
    period=timedelta(days=7),
    period_start=AT,
    used=2,
    grants=[
        Grant(ObjectId(), "beta", 100, 60, AT, AT + timedelta(days=1)),
        Grant(ObjectId(), "initial", 50_000, 50_000, AT, None),
    ],
    holds=[Hold(ObjectId(), 30, AT, AT + timedelta(seconds=600))],
    period_calls=3,
    lifetime_calls=4,
    lifetime_tokens=5,
    last_spend_at=AT - timedelta(seconds=1),
    last_entry_at=AT,
    balance=1_050_058,
    held=30,
    available=1_050_028,
    allowance_left=999_998,
    plain_left=799_997,
    due_at=AT + timedelta(seconds=600),
)


def test_an_account_comes_back_from_the_database_as_it_went():
    told_apart = [getattr(ACCOUNT, field.name) for field in fields(Account) if field.name not in ("grants", "holds")]
    stored = bson.decode(
        bson.encode({"_id": ACCOUNT.id, **to_fields(ACCOUNT)}), bson.CodecOptions(tz_aware=True, tzinfo=UTC)
    )
    assert from_fields(stored) == ACCOUNT
    # Only then does it say anything about fields that change places.
    assert len({repr(value) for value in told_apart}) >= len(told_apart) - 2


def test_the_document_declares_what_is_written():
    declared = set(TokenAccount._fields) - OF_THE_DOCUMENT - OF_STATISTICS
    assert declared == set(to_fields(ACCOUNT))
    assert {field.name for field in fields(Account)} - {"id", "period"} == declared - {"period_seconds"}
    token_accounts.hold(make_user().id, 5, by=OPERATOR, key="hold")
    stored = get_db().token_accounts.find_one()
    assert set(stored) - {"_id"} == set(TokenAccount._fields) - OF_STATISTICS - {"id"}
    TokenAccount.objects.get().validate()


def test_ledger_entries_declare_what_is_written():
    user = make_user()
    with_all = {"key": "k", "description": "x", "reference": {"conversation": "1"}, "metadata": {"a": 1}}
    hold = token_accounts.hold(user.id, 5, by=OPERATOR, key="hold")
    token_accounts.spend(user.id, 5, by=OPERATOR, **with_all)
    token_accounts.settle(hold.hold_id, 5, by=OPERATOR)
    account_commit.drain(user.id)
    written = {name for entry in get_db().ledger_entries.find() for name in entry}
    assert written - {"_id"} == set(LedgerEntry._fields) - {"id"}
    for entry in LedgerEntry.objects:
        entry.validate()


# --- validators -------------------------------------------------------------------------------------------------------


@pytest.fixture
def account() -> dict[str, Any]:
    """A stored account with two grants and a hold; two of its entries are in the ledger."""
    user = make_user()
    token_accounts.hold(user.id, 5, by=OPERATOR)
    account_commit.copy(user.id)
    token_accounts.spend(user.id, 5, by=OPERATOR)
    return get_db().token_accounts.find_one()


def refused(collection: Any, where: dict[str, Any], change: dict[str, Any]) -> None:
    before = collection.find_one(where)
    with pytest.raises(WriteError) as error:
        collection.update_one(where, change)
    assert error.value.code == 121
    assert collection.find_one(where) == before


WRONG = [-1, Int64(-1), 1.0, 0.5, float("nan"), float("inf"), Decimal128("1"), "1", None, True, 2**53]
COUNTERS = [
    *("limit", "used", "period_seconds", "period_calls", "lifetime_calls", "lifetime_tokens", "balance", "held"),
    *("available", "allowance_left", "plain_left", "entry_count", "drained_seq", "drained_balance"),
    *("grants.0.amount", "grants.0.left", "holds.0.amount"),
]


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_counter_is_a_whole_number_from_0_to_the_largest_that_is_exact(account, counter):
    accounts = get_db().token_accounts
    for value in WRONG:
        refused(accounts, {}, {"$set": {counter: value}})
    for value in (0, Int64(5), 2**53 - 1):
        accounts.update_one({}, {"$set": {counter: value}})
    if "." not in counter:
        refused(accounts, {}, {"$unset": {counter: ""}})


@pytest.mark.parametrize("counter", ["balance", "available", "allowance_left", "plain_left"])
def test_no_increment_goes_below_0(account, counter):
    refused(get_db().token_accounts, {}, {"$inc": {counter: -account[counter] - 1}})
    refused(get_db().token_accounts, {}, {"$inc": {counter: 0.5}})


@pytest.mark.parametrize("name", ["version", "tier", "period_start", "due_at", "grants", "holds", "entries"])
def test_an_account_lacks_nothing_that_the_rules_need(account, name):
    refused(get_db().token_accounts, {}, {"$unset": {name: ""}})


def test_there_is_a_date_at_which_time_next_changes_anything(account):
    for value in (None, "2026-01-01", 5):
        refused(get_db().token_accounts, {}, {"$set": {"due_at": value}})


def test_there_are_at_most_200_grants_and_100_holds(account):
    accounts = get_db().token_accounts
    for name, most in (("grants", 200), ("holds", 100)):
        accounts.update_one({}, {"$set": {name: [account[name][0]] * most}})
        refused(accounts, {}, {"$push": {name: account[name][0]}})
        refused(accounts, {}, {"$set": {name: [{}]}})


ENTRY = {"type": "usage", "amount": -5, "before": 10, "after": 5, "parts": [], "by": {}, "seq": 99}
WRONG_ENTRIES = [
    ("A sum that is none.", {"after": 6}),
    ("A balance below 0.", {"before": 3, "after": -2}),
    ("A fraction.", {"amount": -5.0}),
    ("Fractions that add up.", {"amount": -5.0, "before": 10.0, "after": 5.0}),
    ("NaN.", {"amount": float("nan"), "after": float("nan")}),
    ("A number 0.", {"seq": 0}),
    ("A fraction of a number.", {"seq": 1.5}),
    ("An unknown type.", {"type": "gift"}),
    ("A date that is none.", {"at": "now"}),
]


@pytest.mark.parametrize(("sentence", "values"), WRONG_ENTRIES, ids=[sentence for sentence, _ in WRONG_ENTRIES])
def test_the_ledger_refuses_what_is_no_entry(account, sentence, values):
    ledger = get_db().ledger_entries
    good = {**deepcopy(ENTRY), "account": account["_id"], "at": AT}
    with pytest.raises(WriteError) as error:
        ledger.insert_one({**good, **values})
    assert error.value.code == 121
    for name in ("account", "seq", "type", "amount", "before", "after", "parts", "by", "at"):
        with pytest.raises(WriteError):
            ledger.insert_one({field: value for field, value in good.items() if field != name})
    ledger.insert_one(good)


def test_the_ledger_refuses_a_second_entry_under_a_number_or_a_key(account):
    ledger = get_db().ledger_entries
    good = {**ENTRY, "account": account["_id"], "at": AT}
    ledger.insert_one({**good, "key": "k"})
    with pytest.raises(WriteError) as number:
        ledger.insert_one({**good})
    with pytest.raises(WriteError) as key:
        ledger.insert_one({**good, "seq": 100, "key": "k"})
    assert (number.value.code, key.value.code) == (11_000, 11_000)
    # Any number of entries has no key, and other accounts have keys of their own.
    ledger.insert_many([{**good, "seq": seq} for seq in (101, 102)])
    ledger.insert_one({**good, "account": ObjectId(), "key": "k"})
