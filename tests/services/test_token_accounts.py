"""The verbs of token accounts: what they take, refuse and answer, and what follows from them."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db

from app import clock
from app.models.account import GrantSource
from app.models.domain_error import HoldClosed, InsufficientTokens, InvalidInput, KeyReused, NotFound
from app.models.user import User
from app.services import account_commit, ledger, token_accounts
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, make_user


@pytest.fixture
def user() -> User:
    """Somebody with 150,000 tokens."""
    return make_user()


def test_reading_makes_no_account(user):
    view = token_accounts.view(user.id)
    assert (view.tier, view.limit, view.used, view.balance, view.available) == ("free", 100_000, 0, 150_000, 150_000)
    assert [(grant.source, grant.left, grant.expires_at) for grant in view.grants] == [("initial", 50_000, None)]
    assert get_db().token_accounts.count_documents({}) == 0


def test_nobody_has_no_account():
    for call in (
        lambda: token_accounts.view(ObjectId()),
        lambda: token_accounts.spend(ObjectId(), 1, by=OPERATOR),
        lambda: token_accounts.spend(ObjectId(), 1, by=OPERATOR, key="call-1"),
        lambda: token_accounts.release(f"{ObjectId()}{ObjectId()}", by=OPERATOR),
    ):
        with pytest.raises(NotFound):
            call()
    assert get_db().token_accounts.count_documents({}) == 0


def test_the_first_operation_makes_the_account_with_its_initial_grant(user):
    with time_machine.travel(clock.now(), tick=False):
        outcome = token_accounts.spend(user.id, 400, by=OPERATOR)
        stored = get_db().token_accounts.find_one()
        assert (stored["_id"], stored["period_start"], outcome.available) == (user.id, clock.now(), 149_600)
    entries = sound_entries(user.id)
    assert [(entry["type"], entry["amount"], entry.get("key")) for entry in entries] == [
        ("renewal", 100_000, None),
        ("grant", 50_000, "initial"),
        ("usage", -400, None),
    ]


@pytest.mark.parametrize(
    ("tier", "balance"), [("free", 150_000), ("pro", 1_050_000), ("prepaid", 50_000)], ids=["free", "pro", "prepaid"]
)
def test_an_account_begins_under_the_tier_of_its_user(tier, balance):
    one = make_user(tier=tier)
    assert token_accounts.view(one.id).balance == balance
    assert token_accounts.spend(one.id, 1, by=OPERATOR).available == balance - 1


# --- what comes in ----------------------------------------------------------------------------------------------------

BAD_AMOUNTS = [0, -1, 1_000_000_001, 2**63, True, 1.0, 1.5, float("nan"), "5", None, [5], {"$gt": 0}]


@pytest.mark.parametrize("tokens", BAD_AMOUNTS, ids=repr)
def test_amounts_are_whole_numbers_from_1_to_a_billion(user, tokens):
    calls = [
        lambda: token_accounts.spend(user.id, tokens, by=OPERATOR),
        lambda: token_accounts.hold(user.id, tokens, by=OPERATOR),
        lambda: token_accounts.grant(user.id, tokens, source=GrantSource.BETA, by=OPERATOR, reason="Beta"),
        lambda: token_accounts.add_bonus(user.id, tokens, by=OPERATOR, reason="Sorry"),
    ]
    if tokens is not False and tokens != 0:
        hold = token_accounts.hold(user.id, 5, by=OPERATOR)
        calls.append(lambda: token_accounts.settle(hold.hold_id, tokens, by=OPERATOR))
    before = get_db().token_accounts.find_one()
    for call in calls:
        with pytest.raises(InvalidInput):
            call()
    assert get_db().token_accounts.find_one() == before


def test_the_largest_amounts_are_taken(user):
    token_accounts.grant(user.id, 1_000_000_000, source=GrantSource.PURCHASE, by=OPERATOR, reason="Bought")
    assert token_accounts.spend(user.id, 1_000_000_000, by=OPERATOR).available == 150_000
    token_accounts.add_bonus(user.id, 1_000_000, by=OPERATOR, reason="Sorry")
    with pytest.raises(InvalidInput):
        token_accounts.add_bonus(user.id, 1_000_001, by=OPERATOR, reason="Sorry")


@pytest.mark.parametrize("ttl", [0, -1, 3_601, True, 60.0, "60", None], ids=repr)
def test_holds_last_from_1_to_3600_seconds(user, ttl):
    with pytest.raises(InvalidInput):
        token_accounts.hold(user.id, 5, ttl=ttl, by=OPERATOR)


BAD_KEYS = ["", " ", " a", "a ", "a" * 211, "naïve", "a\n", "a\nb", "a\x00b", "\x7f", 5, b"a", ["a"]]


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
def test_keys_are_1_to_200_printable_ascii_characters(user, key):
    with pytest.raises(InvalidInput):
        token_accounts.spend(user.id, 5, by=OPERATOR, key=key)
    assert get_db().token_accounts.count_documents({}) == 0


@pytest.mark.parametrize("key", ["a", "a" * 200, "a b", "~!", "$inc", "a.b", "{}"], ids=repr)
def test_other_keys_are_kept_as_they_are(user, key):
    first = token_accounts.spend(user.id, 5, by=OPERATOR, key=key)
    account_commit.drain(user.id)
    assert token_accounts.spend(user.id, 5, by=OPERATOR, key=key).entry_id == first.entry_id
    assert ledger.by_key(user.id, key)["_id"] == first.entry_id


BAD_METADATA = [
    {"a": {"b": 1}},
    {"a": [1]},
    {"a" * 51: 1},
    {"": 1},
    {"$inc": 1},
    {"a.b": 1},
    {1: 1},
    {f"name{n}": n for n in range(11)},
    {"a": "x" * 1_025},
    {"a": 2**63},
    {"a": -(2**63) - 1},
    {"a": "\x00"},
    {"a": "\ud800"},
    {"a": float("nan")},
    {"a": float("inf")},
]


@pytest.mark.parametrize("metadata", BAD_METADATA, ids=lambda value: repr(value)[:40])
def test_metadata_are_a_few_plain_values_that_the_database_can_hold(user, metadata):
    with pytest.raises(InvalidInput):
        token_accounts.spend(user.id, 5, by=OPERATOR, metadata=metadata)
    assert get_db().token_accounts.count_documents({}) == 0


def test_what_comes_with_a_spend_is_kept_as_it_is(user):
    metadata = {"url": "https://example.com/$a.b", "n": 2**63 - 1, "m": -(2**63), "f": 1.5, "yes": True, "none": None}
    with_all = {"description": "$used {$inc: 1} ☃", "metadata": metadata, "reference": {"conversation": "$x"}}
    for key in (None, "call-1"):
        token_accounts.spend(user.id, 5, by=OPERATOR, key=key, **with_all)
    # The first makes the account, the second is a general write, the third the short cut.
    token_accounts.spend(user.id, 5, by=OPERATOR, **with_all)
    account_commit.drain(user.id)
    for entry in sound_entries(user.id)[2:]:
        assert {name: entry[name] for name in with_all} == with_all
        assert entry["by"] == OPERATOR.stamp()


@pytest.mark.parametrize("description", ["x" * 501, "a\x00b", "\ud800", 5, None], ids=lambda value: repr(value)[:20])
def test_descriptions_and_reasons_are_text_up_to_500_characters(user, description):
    with pytest.raises(InvalidInput):
        token_accounts.spend(user.id, 5, by=OPERATOR, description=description)
    with pytest.raises(InvalidInput):
        token_accounts.reset(user.id, by=OPERATOR, reason=description)


@pytest.mark.parametrize("reason", ["", "  ", "\n"], ids=repr)
def test_what_is_done_to_an_account_needs_a_reason(user, reason):
    for call in (
        lambda: token_accounts.reset(user.id, by=OPERATOR, reason=reason),
        lambda: token_accounts.add_bonus(user.id, 5, by=OPERATOR, reason=reason),
        lambda: token_accounts.grant(user.id, 5, source=GrantSource.BETA, by=OPERATOR, reason=reason),
        lambda: token_accounts.revoke(user.id, undoes="initial", by=OPERATOR, reason=reason, key="k"),
        lambda: token_accounts.change_tier(user.id, "pro", by=OPERATOR, reason=reason),
    ):
        with pytest.raises(InvalidInput):
            call()
    assert get_db().token_accounts.count_documents({}) == 0


def test_there_must_be_such_a_tier(user):
    with pytest.raises(InvalidInput) as refusal:
        token_accounts.change_tier(user.id, "gold", by=OPERATOR, reason="Upgrade")
    assert list(refusal.value.errors) == ["tier"]


BAD_HOLDS = ["", "x", "0" * 47, "0" * 49, "g" * 48, "0" * 48, "A" * 48, None, 5, {"$ne": ""}]


@pytest.mark.parametrize("hold_id", BAD_HOLDS, ids=repr)
def test_what_is_no_hold_is_not_found(user, hold_id):
    token_accounts.spend(user.id, 1, by=OPERATOR)
    for call in (
        lambda: token_accounts.settle(hold_id, 5, by=OPERATOR),
        lambda: token_accounts.settle(hold_id, 0, by=OPERATOR),
        lambda: token_accounts.release(hold_id, by=OPERATOR),
    ):
        with pytest.raises(NotFound):
            call()


def test_a_hold_is_not_found_in_another_account(user):
    other = make_user()
    token_accounts.spend(other.id, 1, by=OPERATOR)
    hold = token_accounts.hold(user.id, 5, by=OPERATOR)
    account_commit.drain(user.id)
    with pytest.raises(NotFound):
        token_accounts.release(f"{other.id}{hold.entry_id}", by=OPERATOR)
    spent = token_accounts.spend(user.id, 5, by=OPERATOR)
    with pytest.raises(NotFound):
        token_accounts.settle(f"{user.id}{spent.entry_id}", 5, by=OPERATOR)


# --- what goes out ----------------------------------------------------------------------------------------------------


def test_a_refused_spend_says_what_there_is_and_when_there_is_more(user):
    with time_machine.travel(clock.now(), tick=False):
        token_accounts.hold(user.id, 149_000, by=OPERATOR)
        week = clock.now() + timedelta(days=7)
        with pytest.raises(InsufficientTokens) as refusal:
            token_accounts.spend(user.id, 1_001, by=OPERATOR)
    assert refusal.value.values == {"available": 1_000, "needed": 1_001, "resets_at": week}


CLOSINGS = [
    (("settle", 5), ("settle", 5), True),
    (("settle", 5), ("settle", 6), False),
    (("settle", 5), ("release",), False),
    (("settle", 5), ("settle", 0), False),
    (("settle", 0), ("release",), True),
    (("settle", 0, "Nothing"), ("settle", 0, "Nothing"), True),
    (("settle", 0, "Nothing"), ("settle", 0), False),
    (("settle", 0, "Nothing"), ("release",), False),
    (("release",), ("release",), True),
    (("release",), ("settle", 5), False),
]


@pytest.mark.parametrize("copied", [False, True], ids=["waiting", "copied"])
@pytest.mark.parametrize("passed", [timedelta(0), timedelta(hours=2)], ids=["open", "ended"])
@pytest.mark.parametrize(("first", "second", "same"), CLOSINGS, ids=str)
def test_a_hold_is_closed_once_and_the_same_again_hears_the_same(user, first, second, same, passed, copied):
    def close(verb: str, tokens: int | None = None, description: str = "") -> Any:
        given = {} if tokens is None else {"tokens": tokens, "description": description}
        return getattr(token_accounts, verb)(hold.hold_id, by=OPERATOR, **given)

    hold = token_accounts.hold(user.id, 100, by=OPERATOR, ttl=600)
    with time_machine.travel(clock.now() + passed, tick=False):
        if copied:
            account_commit.drain(user.id)
        answer = close(*first)
        if copied:
            account_commit.drain(user.id)
        charged = first[1] if len(first) > 1 else 0
        assert (answer.amount, answer.available) == (-charged, 150_000 - charged)
        if same:
            again = close(*second)
            assert (again.entry_id, again.available, again.replayed) == (answer.entry_id, answer.available, True)
        else:
            with pytest.raises(HoldClosed):
                close(*second)
    assert len(sound_entries(user.id)) == 4


def test_a_repeat_hears_the_first_answer_whatever_happened_since(user, app: Flask):
    hour = timedelta(hours=1)
    at = clock.now()
    with time_machine.travel(at, tick=False) as time:
        calls = {
            "spend": lambda: token_accounts.spend(user.id, 5, by=OPERATOR, key="spend"),
            "hold": lambda: token_accounts.hold(user.id, 5, by=OPERATOR, key="hold", ttl=60),
            "reset": lambda: token_accounts.reset(user.id, by=OPERATOR, key="reset", reason="Asked for"),
            "add_bonus": lambda: token_accounts.add_bonus(user.id, 5, by=OPERATOR, key="bonus", reason="Sorry"),
            "grant": lambda: token_accounts.grant(
                user.id, 5, source=GrantSource.BETA, by=OPERATOR, key="grant", reason="Beta", expires_at=at + hour
            ),
            "change_tier": lambda: token_accounts.change_tier(user.id, "pro", by=OPERATOR, key="tier", reason="Up"),
            "revoke": lambda: token_accounts.revoke(user.id, undoes="grant", by=OPERATOR, key="undo", reason="Oh"),
        }
        first = {verb: call() for verb, call in calls.items()}
        tiers = app.config["TIERS"]
        app.config["TIERS"] = {**tiers, "pro": {"limit": 7, "period_days": 1}}
        try:
            time.shift(timedelta(days=20))
            token_accounts.spend(user.id, 1, by=OPERATOR)
            again = {verb: call() for verb, call in calls.items()}
        finally:
            app.config["TIERS"] = tiers
    for verb, answer in first.items():
        assert (answer.replayed, again[verb].replayed) == (False, True)
        for name in ("entry_id", "amount", "available", "hold_id", "expires_at", "uncovered", "at"):
            assert getattr(again[verb], name) == getattr(answer, name), (verb, name)


def test_other_content_under_a_key_is_refused_whatever_it_is(user):
    token_accounts.spend(user.id, 5, by=OPERATOR, key="k", description="Chat", metadata={"a": 1})
    for call in (
        lambda: token_accounts.spend(user.id, 6, by=OPERATOR, key="k", description="Chat", metadata={"a": 1}),
        lambda: token_accounts.spend(user.id, 5, by=OPERATOR, key="k", description="Mail", metadata={"a": 1}),
        lambda: token_accounts.spend(user.id, 5, by=OPERATOR, key="k", description="Chat", metadata={"a": 2}),
        lambda: token_accounts.spend(user.id, 5, by=OPERATOR, key="k", description="Chat"),
        lambda: token_accounts.hold(user.id, 5, by=OPERATOR, key="k", description="Chat"),
        lambda: token_accounts.reset(user.id, by=OPERATOR, key="k", reason="Chat"),
        lambda: token_accounts.spend(user.id, 5, by=OPERATOR, key="initial"),
    ):
        with pytest.raises(KeyReused):
            call()
    assert len(sound_entries(user.id)) == 3
    assert token_accounts.spend(make_user().id, 6, by=OPERATOR, key="k").available == 149_994


def test_what_was_gone_already_is_told_and_recorded(user):
    token_accounts.grant(user.id, 500, source=GrantSource.PURCHASE, by=OPERATOR, key="order:1", reason="Bought")
    token_accounts.spend(user.id, 150_300, by=OPERATOR)
    undone = token_accounts.revoke(user.id, undoes="order:1", by=OPERATOR, key="order:1:refund", reason="Refunded")
    assert (undone.amount, undone.uncovered, undone.available) == (-200, 300, 0)
    entry = sound_entries(user.id)[-1]
    assert (entry["answer"], entry["reference"]["undoes"]) == (
        {"uncovered": 300},
        ledger.by_key(user.id, "order:1")["_id"],
    )
