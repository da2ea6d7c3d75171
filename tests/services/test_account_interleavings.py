"""What another process does between two statements of an operation: each gap that could lose or double something."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from mongoengine.connection import get_db
from pymongo.errors import BulkWriteError

from app import clock
from app.models.account import Operation
from app.models.domain_error import Busy, HoldClosed, InsufficientTokens, KeyReused
from app.models.token_account import TokenAccount
from app.models.user import User
from app.services import account_commit, account_short_cut, due, token_accounts
from app.services.account_commit import Result
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, make_user
from tests.statements import Statements

LOOK_UP = "find ledger_entries"
WRITE = "update token_accounts"
SHORT_CUT = "findAndModify token_accounts"
COPY = "insert ledger_entries"


@pytest.fixture
def user(statements: Statements) -> User:
    """Somebody with 150,000 tokens, of which 1 was spent."""
    made = make_user()
    token_accounts.spend(made.id, 1, by=OPERATOR)
    return made


def spend(user: User, tokens: int, **values: Any) -> Result:
    return token_accounts.spend(user.id, tokens, by=OPERATOR, **values)


def hold(user: User, tokens: int) -> Result:
    """What the short cut does not do."""
    return token_accounts.hold(user.id, tokens, by=OPERATOR, key="call-1")


def elsewhere(user: User, verb: str, key: str | None = None, **arguments: Any) -> Result:
    """The same in another process: it shares no queue with this one."""
    operation = Operation(verb, arguments, OPERATOR.stamp(), clock.now(), key=key)
    plain = account_short_cut.spend(user.id, [operation]) if verb == "spend" and key is None else None
    return (plain or account_commit.commit(user.id, [operation]))[0]


def spend_often(user: User, times: int) -> None:
    """Spends 1, 2, 3 … without copying, each third time with a key."""
    operations = [
        Operation("spend", {"tokens": n + 1}, OPERATOR.stamp(), clock.now(), key=f"call-{n}" if n % 3 == 0 else None)
        for n in range(times)
    ]
    account_commit.commit(user.id, operations)


def amounts(user: User) -> list[int]:
    """What was spent and given since the account was made."""
    return [entry["amount"] for entry in sound_entries(user.id)[3:]]


# --- keys -------------------------------------------------------------------------------------------------------------


def test_an_entry_that_is_copied_between_reading_the_account_and_the_ledger_is_found(user, statements):
    first = spend(user, 7, key="call-1")
    with statements.meanwhile(LOOK_UP, lambda: account_commit.drain(user.id)) as fate:
        again = spend(user, 7, key="call-1")
    assert fate.happened
    assert (again.entry_id, again.available, again.replayed) == (first.entry_id, first.available, True)
    assert amounts(user) == [-7]


def test_an_entry_that_stands_in_both_places_is_one(user, statements):
    first = spend(user, 7, key="call-1")
    # The copier dies after it has inserted.
    with statements.dying(2, after=True) as fate:
        account_commit.copy(user.id)
    assert fate.happened
    assert get_db().ledger_entries.count_documents({"key": "call-1"}) == 1
    assert [one["key"] for one in get_db().token_accounts.find_one()["entries"] if "key" in one] == [
        "initial",
        "call-1",
    ]
    assert spend(user, 7, key="call-1").entry_id == first.entry_id
    with pytest.raises(KeyReused):
        spend(user, 8, key="call-1")
    account_commit.drain(user.id)
    assert amounts(user) == [-7]


@pytest.mark.parametrize("place", ["find token_accounts", LOOK_UP, SHORT_CUT])
@pytest.mark.parametrize("copied", [False, True], ids=["waiting", "copied"])
def test_a_key_that_another_process_uses_meanwhile_has_one_effect(user, statements, place, copied):
    theirs = []

    def use() -> None:
        theirs.append(elsewhere(user, "spend", "call-1", tokens=7))
        if copied:
            account_commit.drain(user.id)

    with statements.meanwhile(place, use) as fate:
        mine = spend(user, 7, key="call-1")
    assert fate.happened
    assert (mine.entry_id, mine.available, mine.replayed) == (theirs[0].entry_id, theirs[0].available, True)
    assert amounts(user) == [-7]


def test_a_key_that_another_process_uses_for_something_else_meanwhile_is_taken(user, statements):
    with (
        statements.meanwhile(SHORT_CUT, lambda: elsewhere(user, "spend", "call-1", tokens=8)),
        pytest.raises(KeyReused),
    ):
        spend(user, 7, key="call-1")
    assert amounts(user) == [-8]


@pytest.mark.parametrize("place", ["find token_accounts", LOOK_UP, WRITE])
@pytest.mark.parametrize("copied", [False, True], ids=["waiting", "copied"])
def test_a_key_that_another_process_uses_before_the_general_write_has_one_effect(user, statements, place, copied):
    theirs = []

    def use() -> None:
        theirs.append(elsewhere(user, "reset", "call-1"))
        if copied:
            account_commit.drain(user.id)

    reason = {"reason": "Why not", "key": "call-1", "reference": {"request": 1}}
    with statements.meanwhile(place, use) as fate, pytest.raises(KeyReused):
        token_accounts.reset(user.id, by=OPERATOR, **reason)
    assert fate.happened
    assert amounts(user) == [1]


def test_a_first_operation_that_another_process_was_quicker_with(statements):
    newcomer = make_user()
    theirs = []
    with statements.meanwhile(
        "insert token_accounts", lambda: theirs.append(elsewhere(newcomer, "spend", "call-1", tokens=7))
    ):
        mine = spend(newcomer, 7, key="call-1")
    assert (mine.entry_id, mine.replayed) == (theirs[0].entry_id, True)
    assert [entry["amount"] for entry in sound_entries(newcomer.id)] == [100_000, 50_000, -7]


def test_a_hold_that_another_process_closes_meanwhile_is_closed_once(user, statements):
    made = token_accounts.hold(user.id, 500, by=OPERATOR)
    arguments = {"hold": made.entry_id}
    with (
        statements.meanwhile(WRITE, lambda: elsewhere(user, "release", f"hold:{made.hold_id}", **arguments)),
        pytest.raises(HoldClosed),
    ):
        token_accounts.settle(made.hold_id, 300, by=OPERATOR)
    assert [entry["type"] for entry in sound_entries(user.id)[3:]] == ["hold", "release"]
    assert token_accounts.view(user.id).held == 0


# --- the general write and the short cut ------------------------------------------------------------------------------


def test_a_general_write_does_not_overwrite_a_short_cut(user, statements):
    with statements.meanwhile(WRITE, lambda: elsewhere(user, "spend", tokens=11)) as fate:
        mine = hold(user, 7)
    assert (fate.happened, mine.available) == (True, 150_000 - 1 - 11 - 7)
    assert amounts(user) == [-11, 0]


def test_a_general_write_does_not_overwrite_another(user, statements):
    with statements.meanwhile(WRITE, lambda: elsewhere(user, "add_bonus", tokens=5_001)):
        mine = hold(user, 7)
    assert mine.available == 155_000 - 7
    assert amounts(user) == [5_001, 0]


@pytest.mark.parametrize("verb", ["spend", "add_bonus"])
def test_a_short_cut_with_a_key_does_not_overwrite_others(user, statements, verb):
    with statements.meanwhile(SHORT_CUT, lambda: elsewhere(user, verb, tokens=5_000)) as fate:
        mine = spend(user, 7, key="call-1")
    change = -5_000 if verb == "spend" else 5_000
    assert (fate.happened, mine.available) == (True, 149_999 + change - 7)
    assert amounts(user) == [change, -7]
    # What a repeat hears was worked out from what was there when it was written.
    assert spend(user, 7, key="call-1").available == mine.available


def test_a_short_cut_is_not_taken_where_a_hold_came_first(user, statements):
    before = token_accounts.view(user.id).available
    with statements.meanwhile(SHORT_CUT, lambda: elsewhere(user, "hold", tokens=before - 5, ttl=60)):
        assert spend(user, 5).available == 0
    with statements.meanwhile(SHORT_CUT, lambda: elsewhere(user, "reset")), pytest.raises(InsufficientTokens):
        spend(user, 7)
    assert amounts(user) == [0, -5, 6]


def test_a_refusal_that_another_process_makes_wrong_is_none(user, statements):
    spend(user, 149_999)
    with statements.meanwhile(SHORT_CUT, lambda: elsewhere(user, "add_bonus", tokens=5_000)):
        assert spend(user, 4_000).available == 1_000


def test_what_is_due_is_kept_when_the_account_is_written_meanwhile(user, statements):
    def spend_and_copy() -> None:
        elsewhere(user, "spend", "call-1", tokens=7)
        account_commit.drain(user.id)

    with statements.meanwhile(WRITE, spend_and_copy):
        token_accounts.reset(user.id, by=OPERATOR, reason="Asked for")
    due.perform(TokenAccount, user.id)
    assert [event["action"] for event in get_db().audit_events.find({"object.id": str(user.id)})].count(
        "account.reset"
    ) == 1
    assert amounts(user) == [-7, 8]
    assert get_db().token_accounts.find_one()["due"] == []


def test_what_is_due_from_before_is_kept_by_the_next_write(user, statements):
    with statements.dying(2, after=True) as fate:
        token_accounts.reset(user.id, by=OPERATOR, reason="Asked for")
    assert fate.happened
    assert len(get_db().token_accounts.find_one()["due"]) == 1
    token_accounts.add_bonus(user.id, 5, by=OPERATOR, reason="Sorry")
    events = [event["action"] for event in get_db().audit_events.find({"object.kind": "account"})]
    assert sorted(events) == ["account.bonus", "account.reset"]
    assert get_db().token_accounts.find_one()["due"] == []


def test_one_for_whom_others_are_always_too_quick_is_told_and_nothing_was_done(user, statements):
    with statements.always(WRITE, lambda: elsewhere(user, "spend", tokens=1)), pytest.raises(Busy):
        hold(user, 7)
    tries = len(amounts(user))
    assert amounts(user) == [-1] * tries
    assert 10 <= tries <= 100
    assert hold(user, 7).available == 149_992 - tries


# --- copying ----------------------------------------------------------------------------------------------------------

COPYING = ["find token_accounts", COPY, WRITE]


@pytest.mark.parametrize("place", COPYING)
@pytest.mark.parametrize("spent", [False, True], ids=["copiers", "copiers and a spender"])
def test_two_copiers_copy_everything_once(user, statements, place, spent):
    spend_often(user, 60)

    def interfere() -> None:
        account_commit.copy(user.id)
        if spent:
            elsewhere(user, "spend", "late", tokens=9)
            elsewhere(user, "spend", tokens=9)
            account_commit.copy(user.id)

    with statements.meanwhile(place, interfere) as fate:
        account_commit.drain(user.id)
    assert fate.happened
    assert amounts(user) == [-n - 1 for n in range(60)] + [-9, -9] * spent
    assert get_db().ledger_entries.count_documents({}) == 63 + 2 * spent
    assert get_db().token_accounts.find_one()["entries"] == []


def test_what_comes_while_an_account_is_drained_stays_on_the_workers_list(user, statements):
    # What removes the copied entries takes the account off the list, unless something came.
    with statements.meanwhile(WRITE, lambda: elsewhere(user, "spend", tokens=9)) as fate:
        account_commit.drain(user.id)
    assert fate.happened
    stored = get_db().token_accounts.find_one()
    assert (len(stored["entries"]), "drain_at" in stored) == (1, True)


@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_copier_that_dies_anywhere_leaves_nothing_lost_or_doubled(user, statements, at, after):
    spend_often(user, 55)
    with statements.dying(at, after=after):
        account_commit.drain(user.id)
    assert amounts(user) == [-n - 1 for n in range(55)]
    account_commit.drain(user.id)
    assert amounts(user) == [-n - 1 for n in range(55)]
    stored = get_db().token_accounts.find_one()
    assert (stored["entries"], "drain_at" in stored) == ([], False)
    assert get_db().ledger_entries.count_documents({}) == 58


def test_entries_are_copied_by_whoever_writes_the_fiftieth(user):
    for _ in range(46):
        spend(user, 1)
    assert get_db().ledger_entries.count_documents({}) == 0
    spend(user, 1)
    assert get_db().ledger_entries.count_documents({}) == 50
    assert len(sound_entries(user.id)) == 50
    for n in range(51):
        spend(user, 1, key=f"call-{n}")
    assert get_db().ledger_entries.count_documents({}) == 100
    assert len(sound_entries(user.id)) == 101


def test_an_account_that_is_on_the_workers_list_for_nothing_leaves_it(user):
    account_commit.drain(user.id)
    get_db().token_accounts.update_one({}, {"$set": {"drain_at": clock.now()}})
    account_commit.drain(user.id)
    assert "drain_at" not in get_db().token_accounts.find_one()


@pytest.mark.parametrize("key", [None, "call-1"], ids=["short cut", "short cut with a key"])
def test_whatever_is_written_comes_onto_the_workers_list(user, key):
    account_commit.drain(user.id)
    assert "drain_at" not in get_db().token_accounts.find_one()
    before = clock.now()
    spend(user, 7, key=key)
    first = get_db().token_accounts.find_one()["drain_at"]
    assert before < first <= clock.now() + timedelta(minutes=1)
    # What comes later does not put it off.
    spend(user, 7)
    assert get_db().token_accounts.find_one()["drain_at"] == first
    with time_machine.travel(first, tick=False):
        assert account_commit.drain_waiting() == 1
    assert amounts(user) == [-7, -7]
    assert get_db().ledger_entries.count_documents({}) == 5


def test_the_worker_copies_an_account_that_has_been_quiet(user):
    assert account_commit.drain_waiting() == 0
    get_db().token_accounts.update_one({}, {"$set": {"drain_at": clock.now()}})
    assert account_commit.drain_waiting() == 1
    assert get_db().token_accounts.find_one()["entries"] == []
    assert account_commit.drain_waiting() == 0


def test_a_broken_ledger_is_not_copied_over_and_keeps_no_other_account_from_the_worker(user, statements):
    other = make_user()
    spend(other, 5)
    foreign = {"account": user.id, "seq": 2, "type": "grant", "amount": 1, "before": 0, "after": 1, "parts": []}
    get_db().ledger_entries.insert_one({**foreign, "by": {}, "at": clock.now()})
    get_db().token_accounts.update_one({"_id": user.id}, {"$set": {"drain_at": clock.now()}})
    get_db().token_accounts.update_one({"_id": other.id}, {"$set": {"drain_at": clock.now()}})
    waiting = get_db().token_accounts.find_one({"_id": user.id})["entries"]
    with pytest.raises(BulkWriteError):
        account_commit.drain_waiting()
    # For an operator to look at; nothing of it is lost.
    assert get_db().token_accounts.find_one({"_id": user.id})["entries"] == waiting
    assert get_db().token_accounts.find_one({"_id": other.id})["entries"] == []
