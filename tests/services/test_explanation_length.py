"""However long an account lives, its explanations look at few entries."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db

from app import clock
from app.models import account_rules
from app.models.account import Operation
from app.models.ledger_entry import numbered
from app.models.token_account import from_fields, to_fields
from app.services import account_commit, account_reading, explanation, ledger_verify, token_accounts
from app.services.account_moment import Choice
from app.services.explanation import Figure, Older, explain
from tests.explaining import MONDAY, check, explain_all, rows, spend
from tests.factories import OPERATOR, make_user


@pytest.fixture
def user():
    return make_user()


@pytest.mark.parametrize("copied", [0, 50, 120])
def test_a_long_ledger_shows_its_newest_entries_and_the_sum_of_the_others(user, monkeypatch, copied):
    monkeypatch.setattr(explanation, "MOST_ROWS", 5)
    monkeypatch.setattr(account_commit, "COPY_BATCH", 1_000)
    for tokens in range(1, 121):
        spend(user, tokens)
    monkeypatch.setattr(account_commit, "COPY_BATCH", copied)
    if copied:
        account_commit.copy(user.id)
    shown = explain_all(user.id)
    assert [row.amount for row in shown[Figure.LIFETIME_TOKENS].table.rows] == [120, 119, 118, 117, 116]
    assert shown[Figure.LIFETIME_TOKENS].table.older == Older(115, 115 * 116 // 2)
    assert shown[Figure.CALLS].table.older == Older(115, 115)
    assert shown[Figure.ALLOWANCE].table.older == Older(None, 100_000 - 115 * 116 // 2)
    assert shown[Figure.BALANCE].table.older == Older(117, 150_000 - 115 * 116 // 2)


def live_on(user_id: ObjectId, verb: str, times: int, **arguments) -> None:
    """The account does the same so many times more, by the rules, and its ledger has it all."""
    account_commit.drain(user_id)
    stored = get_db().token_accounts.find_one({"_id": user_id})
    account, policy, waiting = from_fields(stored), account_reading.policy(), []
    for _ in range(times):
        operation = Operation(verb, arguments, OPERATOR.stamp(), clock.now())
        account, entries, _due = account_rules.apply(account, operation, policy)
        waiting += entries
    copied = list(numbered(stored, waiting))
    get_db().ledger_entries.insert_many(copied)
    marks = {"entry_count": copied[-1]["seq"], "drained_seq": copied[-1]["seq"], "drained_balance": copied[-1]["after"]}
    get_db().token_accounts.update_one({"_id": user_id}, {"$set": to_fields(account) | marks})


def examined() -> int:
    """How many documents the database has looked at since it was told to take notes."""
    notes = get_db()["system.profile"].find({"ns": {"$regex": r"\.ledger_entries$"}})
    return sum(note.get("docsExamined", 0) for note in notes)


@pytest.fixture
def notes(app: Flask) -> Iterator[Callable[[], None]]:
    """Makes the database take notes of what it examines, from anew."""

    def begin() -> None:
        get_db().command("profile", 0)
        get_db().drop_collection("system.profile")
        get_db().command("profile", 2)

    yield begin
    get_db().command("profile", 0)
    get_db().drop_collection("system.profile")


LONG_LIVES = {
    "all from the allowance": [("spend", 5_000, {"tokens": 7})],
    "nearly all from grants": [("spend", 1, {"tokens": 99_990}), ("spend", 5_000, {"tokens": 3})],
    "grants between bonuses": [
        *[("spend", 1, {"tokens": 100_000}), ("spend", 1_500, {"tokens": 1})],
        *[("add_bonus", 1, {"tokens": 30}), ("spend", 1_500, {"tokens": 4})],
        *[("add_bonus", 1, {"tokens": 50}), ("spend", 1_500, {"tokens": 3})],
    ],
}


@pytest.mark.parametrize("begins", ["with an entry", "without one"])
@pytest.mark.parametrize("life", LONG_LIVES.values(), ids=LONG_LIVES)
def test_however_long_a_period_its_explanations_look_at_few_entries(app, notes, life, begins):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 10)
        if begins == "without one":
            token_accounts.add_bonus(user.id, 10, by=OPERATOR, reason="Sorry")
        time.shift(timedelta(days=7, hours=1))
        for verb, times, arguments in life:
            live_on(user.id, verb, times, **arguments)
        for figure in Figure:
            notes()
            shown = explain(user.id, figure)
            looked_at = examined()
            assert looked_at < 300
            assert looked_at > 0 or figure in (Figure.AVAILABLE, Figure.HELD, Figure.GRANTS)
            check(shown)
            if figure is Figure.ALLOWANCE:
                assert shown.table.rows
    assert next(ledger_verify.verify([user.id])) == (user.id, None)


def test_what_the_allowance_paid_is_found_below_what_grants_paid(app):
    with time_machine.travel(MONDAY, tick=False):
        user = make_user()
        spend(user, 99_990)
        live_on(user.id, "spend", 200, tokens=3)
        live_on(user.id, "add_bonus", 1, tokens=8)
        live_on(user.id, "spend", 200, tokens=5)
        shown = explain_all(user.id)
    assert rows(shown[Figure.ALLOWANCE]) == [
        *[("usage", -3, 0), ("usage", -5, 3), ("bonus", 8, 8)],
        *[("usage", -1, 0), ("usage", -3, 1), ("usage", -3, 4), ("usage", -3, 7), ("usage", -99_990, 10)],
    ]
    assert shown[Figure.ALLOWANCE].table.start == 100_000


def test_the_entries_of_a_grant_are_found_by_an_index_that_plain_spends_are_not_in(user):
    for _ in range(300):
        spend(user, 1)
    account_commit.drain(user.id)
    [grant] = explain(user.id, Figure.GRANTS).grants
    query = {"account": user.id, "seq": {"$gt": 0}, **Choice(sources=frozenset({str(grant.id)})).query()}
    found = get_db().ledger_entries.find(query).sort("seq", -1).explain()["executionStats"]
    assert (found["nReturned"], found["totalDocsExamined"]) == (1, 1)
    assert found["totalKeysExamined"] <= 3
