"""Spending: what is burnt first, all or nothing, and what is counted."""

from datetime import timedelta

import pytest
from bson import ObjectId

from app.models.domain_error import InsufficientTokens
from tests.models.account_rules.examples import (
    AT,
    BY,
    DAY,
    FREE,
    PREPAID,
    START,
    WEEK,
    account,
    grant,
    hold,
    spent,
    table,
)

SOON, LATER = START + 2 * DAY, START + 3 * DAY
OLD, YOUNG = START - 2 * DAY, START - DAY
BURNING_ORDER = [
    ("The allowance goes first.", 99_000, [10], 600, [10]),
    ("The allowance may be used to its last token.", 0, [10], 100_000, [10]),
    ("Grants cover what the allowance lacks.", 99_000, [10], 1_003, [7]),
    ("Nothing of an allowance used up is used.", 100_000, [10], 4, [6]),
    ("Of an allowance that was lowered under what is used, nothing is used.", 123_456, [10], 4, [6]),
    ("A grant that is used up leaves the account.", 100_000, [10, 20], 10, [20]),
    ("One spend may use up several grants.", 100_000, [10, 20, 30], 35, [25]),
    ("All may be spent.", 99_000, [10, 20], 1_030, []),
]


@table("used grants tokens left", BURNING_ORDER)
def test_the_allowance_is_burnt_before_grants(used, grants, tokens, left):
    after = spent(account(used=used, grants=[grant(each) for each in grants]), tokens)
    assert after.left == left
    assert after.entry["amount"] == -tokens
    assert after.account.balance == max(0, 100_000 - used) + sum(grants) - tokens


GRANTS = [
    ("The soonest to expire goes first, wherever it stands.", [(LATER, OLD), (SOON, YOUNG)], 1),
    ("One that never expires goes last, however old it is.", [(None, OLD), (LATER, YOUNG)], 1),
    ("Of those that never expire, the older goes first.", [(None, YOUNG), (None, OLD)], 1),
    ("Of those that expire together, the older goes first.", [(SOON, YOUNG), (SOON, OLD)], 1),
    ("Of those given at one moment, the one given first goes first.", [(None, OLD), (None, OLD)], 0),
    ("Given at one moment, they still go by when they expire.", [(LATER, OLD), (SOON, OLD)], 1),
]


@table("grants first", GRANTS)
def test_grants_are_burnt_in_the_order_in_which_they_end(grants, first):
    # Ids say nothing about age: clocks step back, and processes draw them on their own.
    ids = [ObjectId("f" * 24), ObjectId("0" * 24)]
    given = [grant(10, ends, at=at, id=id_) for (ends, at), id_ in zip(grants, ids, strict=True)]
    after = spent(account(PREPAID, grants=given), 10)
    assert [one.id for one in after.account.grants] == [given[1 - first].id]
    assert after.part(given[first].id) == -10


def test_the_parts_say_where_the_tokens_came_from():
    early, late = grant(300, SOON), grant(500)
    after = spent(account(used=99_900, grants=[late, early]), 650)
    assert {part["source"]: part["amount"] for part in after.entry["parts"]} == {
        "allowance": -100,
        str(early.id): -300,
        str(late.id): -250,
    }


ALL_OR_NOTHING = [
    ("One more than there is.", {"used": 99_990, "grants": [grant(5)]}, 16, 15),
    ("One more than an empty account has.", {"used": 100_000}, 1, 0),
    ("What is held is not there.", {"used": 99_990, "holds": [hold(3)]}, 8, 7),
    ("More is held than is there.", {"used": 99_990, "holds": [hold(30)]}, 1, 0),
    ("A grant that has expired is not there.", {"used": 100_000, "grants": [grant(5, AT)]}, 1, 0),
]


@table("values tokens available", ALL_OR_NOTHING)
def test_a_spend_takes_all_or_nothing(values, tokens, available):
    with pytest.raises(InsufficientTokens) as refusal:
        spent(account(**values), tokens)
    assert refusal.value.values == {"available": available, "needed": tokens, "resets_at": START + WEEK}
    if available:
        assert spent(account(**values), available).account.available == 0


def test_without_an_allowance_nobody_is_told_when_it_renews():
    with pytest.raises(InsufficientTokens) as refusal:
        spent(account(PREPAID), 1)
    assert refusal.value.values["resets_at"] is None


def test_what_is_held_is_not_spent_and_what_is_not_held_is():
    before = account(used=99_000, grants=[grant(500)], holds=[hold(200), hold(300)])
    after = spent(before, 1_000).account
    assert (after.balance, after.held, after.available) == (500, 500, 0)


def test_a_spend_is_counted():
    before = account(period_calls=3, lifetime_calls=30, lifetime_tokens=4_000)
    after = spent(before, 250).account
    assert (after.period_calls, after.lifetime_calls, after.lifetime_tokens) == (4, 31, 4_250)
    assert after.last_spend_at == AT


def test_a_spend_is_one_entry_with_what_came_with_it():
    after = spent(account(), 250, key="call-1")
    assert len(after.entries) == 1
    assert (after.entry["type"], after.entry["amount"], after.entry["at"]) == ("usage", -250, AT)
    assert (after.entry["by"], after.entry["key"], after.entry["available"]) == (BY, "call-1", 99_750)


def test_two_spends_are_two_entries():
    first = spent(account(), 10)
    second = spent(first.account, 10, at=AT + timedelta(seconds=1))
    assert first.entry["_id"] != second.entry["_id"]
    assert second.account.used == 20


def test_the_stored_figures_follow():
    after = spent(account(FREE, used=10_000, grants=[grant(700)], holds=[hold(400)]), 5_000).account
    assert (after.used, after.allowance_left, after.balance) == (15_000, 85_000, 85_700)
    assert (after.held, after.available) == (400, 85_300)
