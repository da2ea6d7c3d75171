"""Verifying: every kind of tampering is found, and honest accounts pass while others write to them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import Int64, ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.account import GrantSource
from app.models.user import User
from app.services import account_commit, ledger_verify, token_accounts
from tests.factories import OPERATOR, make_user
from tests.statements import Statements


@pytest.fixture
def user() -> User:
    """Somebody to whom a good deal happened; the first thirteen of seventeen entries are in the ledger."""
    made = make_user()
    at = clock.now()
    with time_machine.travel(at, tick=False) as time:
        for number, tokens in enumerate((10, 20, 20, 40)):
            time.shift(1)
            token_accounts.spend(made.id, tokens, by=OPERATOR, key=f"call-{number}")
        token_accounts.grant(
            made.id, 70, source=GrantSource.BETA, by=OPERATOR, reason="Beta", expires_at=at + timedelta(days=2)
        )
        token_accounts.add_bonus(made.id, 5_000, by=OPERATOR, reason="Sorry")
        token_accounts.spend(made.id, 30, by=OPERATOR)
        time.shift(timedelta(days=8))
        # Brings an expiry and a renewal.
        token_accounts.hold(made.id, 1_000, by=OPERATOR)
        token_accounts.change_tier(made.id, "pro", by=OPERATOR, reason="Up")
        account_commit.drain(made.id)
        time.shift(1)
        token_accounts.spend(made.id, 3, by=OPERATOR)
        token_accounts.reset(made.id, by=OPERATOR, reason="Asked for")
        token_accounts.spend(made.id, 2, by=OPERATOR)
        token_accounts.spend(made.id, 1, by=OPERATOR)
    return made


def wrong(user: User) -> str | None:
    """What is found wrong with the user's account."""
    ((id_, problem),) = ledger_verify.verify([user.id])
    assert id_ == user.id
    return problem


def entry(**values: Any) -> dict[str, Any]:
    """A whole entry, as one who tampers would make it."""
    made = {"seq": 1, "type": "grant", "amount": 0, "before": 0, "after": 0, "parts": [], "by": {}, "at": clock.now()}
    return {"_id": ObjectId(), "description": "", **made, **values}


def change_entry(seq: int, **values: Any) -> None:
    get_db().ledger_entries.update_one({"seq": seq}, {"$set": values})


def change_account(**values: Any) -> None:
    get_db().token_accounts.update_one({}, {"$set": values})


def renumber(changes: dict[int, dict[str, Any]]) -> None:
    """Changes several entries at once, numbers included, past the unique index."""
    ledger = get_db().ledger_entries
    changed = [{**ledger.find_one_and_delete({"seq": seq}), **values} for seq, values in changes.items()]
    ledger.insert_many(changed)


def spent(seq: int, tokens: int) -> dict[str, Any]:
    return {"seq": seq, "amount": -tokens, "parts": [{"source": "allowance", "amount": -tokens}]}


def insert_in_the_middle(user: User) -> None:
    ledger = get_db().ledger_entries
    later = list(ledger.find({"seq": {"$gte": 5}}))
    ledger.delete_many({"seq": {"$gte": 5}})
    ledger.insert_many([{**one, "seq": one["seq"] + 1} for one in later])
    before = ledger.find_one({"seq": 4})["after"]
    ledger.insert_one(entry(account=user.id, seq=5, before=before, after=before, type="adjustment"))


def remove_and_close_the_gap(user: User) -> None:
    ledger = get_db().ledger_entries
    ledger.delete_one({"seq": 5})
    for one in list(ledger.find({"seq": {"$gt": 5}}).sort("seq", 1)):
        ledger.update_one({"_id": one["_id"]}, {"$set": {"seq": one["seq"] - 1}})


def swap(user: User) -> None:
    three, four = (get_db().ledger_entries.find_one({"seq": seq}) for seq in (4, 6))
    renumber({4: {"seq": 6}, 6: {"seq": 4}})
    assert three["amount"] != four["amount"]


def swap_equals(user: User) -> None:
    """Two spends of 20 change places: each sum is right, but not the dates."""
    four, five = (get_db().ledger_entries.find_one({"seq": seq}) for seq in (4, 5))
    assert (four["amount"], five["amount"]) == (-20, -20)
    places = ("seq", "before", "after")
    renumber({4: {name: five[name] for name in places}, 5: {name: four[name] for name in places}})


def empty_waiting(user: User) -> None:
    change_account(entries=[], entry_count=Int64(get_db().token_accounts.find_one()["drained_seq"]))


def waiting(user: User) -> list[dict[str, Any]]:
    return get_db().token_accounts.find_one()["entries"]


def balance_after(user: User, seq: int) -> int:
    return get_db().ledger_entries.find_one({"seq": seq})["after"]


def both_changed(user: User, by: int) -> None:
    """An amount and all sums after it, in the ledger and the account: only the parts tell."""
    for one in list(get_db().ledger_entries.find({"seq": {"$gte": 3}})):
        change = {"after": one["after"] + by} | ({"amount": one["amount"] + by} if one["seq"] == 3 else {})
        change |= {"before": one["before"] + by} if one["seq"] > 3 else {}
        get_db().ledger_entries.update_one({"_id": one["_id"]}, {"$set": change})
    stored = get_db().token_accounts.find_one()
    figures = ("balance", "available", "drained_balance")
    change_account(**{name: stored[name] + by for name in figures})


TAMPERED: dict[str, Callable[[User], Any]] = {
    "an amount and its sum": lambda user: change_entry(4, amount=-19, after=balance_after(user, 4) + 1),
    "the sums around an entry": lambda user: change_entry(
        4, before=balance_after(user, 3) + 1, after=balance_after(user, 4) + 1
    ),
    "an amount, and every sum after it": lambda user: both_changed(user, 5),
    "the first entry's before": lambda user: change_entry(1, before=1, after=100_001),
    "an entry's parts": lambda user: change_entry(4, parts=[{"source": "allowance", "amount": -21}]),
    "where an entry's tokens came from": lambda user: change_entry(
        4, parts=[{"source": str(ObjectId()), "amount": -20}]
    ),
    "an entry's type": lambda user: change_entry(4, type="adjustment"),
    "an entry's date": lambda user: change_entry(4, at=clock.now() - timedelta(days=9)),
    "a removed entry": lambda user: get_db().ledger_entries.delete_one({"seq": 5}),
    "a removed entry of nothing": lambda user: get_db().ledger_entries.delete_one({"type": "hold"}),
    "a removed entry, the rest moved up": remove_and_close_the_gap,
    "the first entry removed": lambda user: get_db().ledger_entries.delete_one({"seq": 1}),
    "the last copied entry removed": lambda user: get_db().ledger_entries.delete_one({"seq": 13}),
    "all entries removed": lambda user: get_db().ledger_entries.delete_many({}),
    "an inserted entry": insert_in_the_middle,
    "swapped entries": swap,
    "swapped entries of one amount": swap_equals,
    "an entry of another account": lambda user: change_entry(5, account=ObjectId()),
    "a waiting entry's amount": lambda user: change_account(**{"entries.0.amount": -4}),
    "a waiting entry removed": lambda user: change_account(entries=waiting(user)[1:]),
    "a waiting entry twice": lambda user: change_account(entries=[*waiting(user), waiting(user)[-1]]),
    "all waiting entries removed": empty_waiting,
    "a foreign entry under a waiting one's number": lambda user: get_db().ledger_entries.insert_one(
        entry(account=user.id, seq=14)
    ),
    "the balance": lambda user: change_account(balance=Int64(1)),
    "what is available": lambda user: change_account(available=Int64(2_000_000)),
    "what is held": lambda user: change_account(held=Int64(0)),
    "a hold": lambda user: change_account(**{"holds.0.amount": 1}),
    "what is left of the allowance": lambda user: change_account(allowance_left=Int64(7)),
    "what is used": lambda user: change_account(used=Int64(0)),
    "the limit": lambda user: change_account(limit=Int64(2_000_000)),
    "a grant": lambda user: change_account(**{"grants.0.left": 49_999}),
    "a grant and the balance": lambda user: get_db().token_accounts.update_one(
        {}, {"$inc": {"grants.0.left": 5, "balance": 5, "available": 5}}
    ),
    "a grant added": lambda user: get_db().token_accounts.update_one(
        {}, {"$push": {"grants": {"id": ObjectId(), "source": "beta", "amount": 5, "left": 5, "at": clock.now()}}}
    ),
    "a grant removed": lambda user: change_account(grants=[]),
    "a grant's end": lambda user: change_account(**{"grants.0.expires_at": clock.now() + timedelta(days=1)}),
    "the number of entries": lambda user: change_account(entry_count=Int64(16)),
    "what was copied": lambda user: change_account(drained_seq=Int64(12)),
    "the balance that was copied": lambda user: change_account(drained_balance=Int64(5)),
    "lifetime tokens": lambda user: change_account(lifetime_tokens=Int64(5)),
    "lifetime calls": lambda user: change_account(lifetime_calls=Int64(5)),
    "when time next changes it": lambda user: change_account(due_at=clock.now() + timedelta(days=99)),
}


def test_the_tampered_account_was_sound(user):
    stored = get_db().token_accounts.find_one()
    assert (stored["drained_seq"], len(stored["entries"])) == (13, 4)
    assert wrong(user) is None


@pytest.mark.parametrize("tampering", TAMPERED)
def test_tampering_is_found(user, tampering):
    TAMPERED[tampering](user)
    assert wrong(user)


@pytest.mark.parametrize(("seq", "change"), [(4, {"amount": -19, "after": None}), (7, {"amount": 71, "after": None})])
def test_the_first_wrong_entry_is_named(user, seq, change):
    stored = get_db().ledger_entries.find_one({"seq": seq})
    change_entry(seq, amount=change["amount"], after=stored["before"] + change["amount"])
    problem = wrong(user)
    # Its own parts tell, or the next entry's before.
    assert f"entry {seq}" in problem or f"entry {seq + 1}" in problem


def test_a_removed_entry_is_named(user):
    get_db().ledger_entries.delete_one({"seq": 5})
    assert wrong(user).startswith("entry 5")


def test_two_entries_with_one_key_are_found(user):
    # The index forbids it in the ledger; in the account nothing but the rules does.
    key = get_db().ledger_entries.find_one({"seq": 4})["key"]
    change_account(**{"entries.0.key": key})
    assert "key" in wrong(user)


def test_every_account_is_verified_and_only_the_wrong_ones_are_named(user):
    others = [make_user() for _ in range(5)]
    for other in others:
        token_accounts.spend(other.id, 5, by=OPERATOR)
        account_commit.drain(other.id)
    get_db().ledger_entries.update_one({"account": others[2].id, "seq": 3}, {"$set": {"amount": -6, "after": 149_994}})
    found = dict(ledger_verify.verify())
    assert set(found) == {user.id, *(other.id for other in others)}
    assert [id_ for id_, problem in found.items() if problem] == [others[2].id]


def test_more_accounts_than_are_read_at_once_are_verified_once_each(user):
    stored = get_db().token_accounts.find_one()
    waiting_only = make_user()
    token_accounts.spend(waiting_only.id, 5, by=OPERATOR)
    made = get_db().token_accounts.find_one({"_id": waiting_only.id})
    get_db().token_accounts.insert_many([{**made, "_id": ObjectId()} for _ in range(2 * ledger_verify.CHUNK)])
    get_db().token_accounts.insert_one({**stored, "_id": ObjectId("f" * 24)})
    found = list(ledger_verify.verify())
    assert [id_ for id_, _ in found] == sorted(get_db().token_accounts.distinct("_id"))
    # The last is a copy of an account whose ledger it lacks.
    assert [id_ for id_, problem in found if problem] == [ObjectId("f" * 24)]


@pytest.mark.parametrize("copies", [False, True], ids=["a spender", "a spender and a copier"])
@pytest.mark.parametrize("place", ["find token_accounts", "find ledger_entries"])
def test_an_account_that_is_written_between_the_two_reads_is_right(user, statements: Statements, place, copies):
    def write() -> None:
        for n in range(60):
            token_accounts.spend(user.id, 5, by=OPERATOR, key=f"while-{n}")
        if copies:
            account_commit.drain(user.id)

    with statements.meanwhile(place, write) as fate:
        assert wrong(user) is None
    assert fate.happened
    assert wrong(user) is None


def test_honest_accounts_pass_while_many_write(threads):
    users = [make_user() for _ in range(3)]

    def work(i: int) -> list[str | None]:
        one = users[i % 3]
        if i < 4:
            return [problem for _ in range(6) for _, problem in ledger_verify.verify()]
        for n in range(12):
            hold = token_accounts.hold(one.id, 9, by=OPERATOR)
            token_accounts.settle(hold.hold_id, n, by=OPERATOR)
            token_accounts.spend(one.id, n + 1, by=OPERATOR)
            token_accounts.add_bonus(one.id, 3, by=OPERATOR, reason="Sorry")
        account_commit.drain(one.id)
        return []

    results = threads(work, 16)
    assert all(isinstance(result, list) for result in results), results
    assert {problem for result in results for problem in result} <= {None}
    assert [problem for _, problem in ledger_verify.verify()] == [None, None, None]


def test_a_changed_setting_makes_no_account_wrong(user, app):
    before = app.config["LOW_BALANCE_TOKENS"]
    app.config["LOW_BALANCE_TOKENS"] = 40_000
    try:
        assert wrong(user) is None
    finally:
        app.config["LOW_BALANCE_TOKENS"] = before


def test_an_account_that_time_has_overtaken_is_right(user):
    with time_machine.travel(clock.now() + timedelta(days=400), tick=False):
        assert wrong(user) is None
