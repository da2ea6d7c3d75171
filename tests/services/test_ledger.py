"""Reading a ledger: one history of what was copied, what waits and what time has brought."""

from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.account import EntryType, GrantSource
from app.models.domain_error import NotFound
from app.models.user import User
from app.services import account_commit, ledger, token_accounts
from tests.factories import OPERATOR, make_user
from tests.statements import Statements


@pytest.fixture
def user() -> User:
    """Somebody who has spent 1, 2 … 5 and held twice; eleven entries, none copied."""
    made = make_user()
    for tokens in range(1, 6):
        token_accounts.spend(made.id, tokens, by=OPERATOR, key=f"call-{tokens}")
    for _ in range(2):
        token_accounts.release(token_accounts.hold(made.id, 9, by=OPERATOR).hold_id, by=OPERATOR)
    return made


def copy_some(user: User, n: int) -> None:
    """Brings the account into the state that a copier of the first n entries leaves."""
    stored = get_db().token_accounts.find_one({"_id": user.id})
    seq, balance, copied = stored["drained_seq"], stored["drained_balance"], []
    for entry in stored["entries"][:n]:
        seq, before, balance = seq + 1, balance, balance + entry["amount"]
        copied.append({**entry, "account": user.id, "seq": seq, "before": before, "after": balance})
    if copied:
        get_db().ledger_entries.insert_many(copied)
    marks = {"drained_seq": seq, "drained_balance": balance, "entries": stored["entries"][n:]}
    get_db().token_accounts.update_one({"_id": user.id}, {"$set": marks})


SPENT = [(7, -5), (6, -4), (5, -3), (4, -2), (3, -1), (2, 50_000), (1, 100_000)]
# Wherever the boundary between the account and the ledger lies.
COPIED = [0, 1, 2, 5, 7, 9, 11]


def short(entries: list[dict]) -> list[tuple[int, int]]:
    return [(entry["seq"], entry["amount"]) for entry in entries]


@pytest.mark.parametrize("copied", COPIED)
def test_history_is_the_same_wherever_the_entries_are(user, copied):
    copy_some(user, copied)
    assert short(ledger.history(user.id)) == SPENT
    assert [entry["seq"] for entry in ledger.history(user.id, with_holds=True)] == list(range(11, 0, -1))


@pytest.mark.parametrize("copied", COPIED)
def test_each_entry_says_what_the_balance_was(user, copied):
    copy_some(user, copied)
    balance = 0
    for entry in reversed(ledger.history(user.id, with_holds=True)):
        assert (entry["before"], entry["after"]) == (balance, balance + entry["amount"])
        balance = entry["after"]
    assert balance == token_accounts.view(user.id).balance == 150_000 - 15


@pytest.mark.parametrize("copied", COPIED)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 50])
def test_pages_join_without_a_gap(user, copied, limit):
    copy_some(user, copied)
    seen, before = [], None
    while page := ledger.history(user.id, before_seq=before, limit=limit):
        assert len(page) <= limit
        seen += page
        before = page[-1]["seq"]
    assert short(seen) == SPENT


@pytest.mark.parametrize("copied", COPIED)
def test_pages_join_though_entries_are_copied_and_added_between_them(user, copied):
    copy_some(user, copied)
    first = ledger.history(user.id, limit=3)
    token_accounts.spend(user.id, 77, by=OPERATOR)
    account_commit.drain(user.id)
    rest = ledger.history(user.id, before_seq=first[-1]["seq"])
    assert short([*first, *rest]) == SPENT


@pytest.mark.parametrize("copied", COPIED)
def test_history_of_one_kind(user, copied):
    copy_some(user, copied)
    assert short(ledger.history(user.id, types=[EntryType.USAGE], limit=2)) == [(7, -5), (6, -4)]
    assert short(ledger.history(user.id, types=[EntryType.USAGE], limit=2, before_seq=4)) == [(3, -1)]
    assert short(ledger.history(user.id, types=[EntryType.GRANT])) == [(2, 50_000)]
    assert [entry["seq"] for entry in ledger.history(user.id, types=[EntryType.HOLD])] == [10, 8]
    assert ledger.history(user.id, types=[EntryType.EXPIRY]) == []
    assert ledger.history(user.id, types=[]) == []


def test_an_entry_that_is_copied_while_history_is_read_is_shown_once(user, statements: Statements):
    copy_some(user, 4)
    with statements.meanwhile("find ledger_entries", lambda: account_commit.drain(user.id)) as fate:
        shown = ledger.history(user.id)
    assert (fate.happened, short(shown)) == (True, SPENT)


def test_an_entry_that_a_dead_copier_left_in_both_places_is_shown_once(user, statements: Statements):
    with statements.dying(2, after=True):
        account_commit.copy(user.id)
    assert get_db().ledger_entries.count_documents({}) == 11
    assert short(ledger.history(user.id)) == SPENT


def test_what_time_has_brought_is_shown_before_it_is_written(user):
    token_accounts.grant(
        user.id, 70, source=GrantSource.BETA, by=OPERATOR, reason="Beta", expires_at=clock.now() + timedelta(days=2)
    )
    copy_some(user, 5)
    renews = token_accounts.view(user.id).period_end
    with time_machine.travel(renews + timedelta(days=1), tick=False):
        shown = ledger.history(user.id)
        assert [(entry["seq"], entry["type"], entry["amount"]) for entry in shown[:3]] == [
            (14, "renewal", 15),
            (13, "expiry", -70),
            (12, "grant", 70),
        ]
        assert (shown[0]["at"], shown[0]["after"]) == (renews, token_accounts.view(user.id).balance)
        assert get_db().token_accounts.find_one()["entry_count"] == 12
        # Written, they have the same numbers.
        token_accounts.spend(user.id, 1, by=OPERATOR)
        account_commit.drain(user.id)
        assert short(ledger.history(user.id))[1:3] == [(14, 15), (13, -70)]


def test_a_ledger_is_its_owners(user):
    other = make_user()
    token_accounts.spend(other.id, 99, by=OPERATOR)
    account_commit.drain(other.id)
    account_commit.drain(user.id)
    assert short(ledger.history(user.id)) == SPENT
    assert short(ledger.history(other.id)) == [(3, -99), (2, 50_000), (1, 100_000)]
    with pytest.raises(NotFound):
        ledger.history(ObjectId())


def test_an_account_that_no_operation_has_made_shows_what_it_will_begin_with():
    shown = ledger.history(make_user().id)
    assert [(entry["seq"], entry["type"], entry["after"]) for entry in shown] == [
        (2, "grant", 150_000),
        (1, "renewal", 100_000),
    ]
    assert get_db().token_accounts.count_documents({}) == 0


def test_an_entry_is_found_by_its_key(user):
    for _ in range(2):
        assert ledger.by_key(user.id, "call-4")["amount"] == -4
        for key in ("call-9", "", "$ne"):
            with pytest.raises(NotFound):
                ledger.by_key(user.id, key)
        with pytest.raises(NotFound):
            ledger.by_key(make_user().id, "call-4")
        account_commit.drain(user.id)
