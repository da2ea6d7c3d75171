"""Each figure of an account and what makes it up, on chosen lives."""

from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app.models.account import GrantSource
from app.models.domain_error import NotFound
from app.services import account_commit, token_accounts
from app.services.explanation import Figure, explain
from tests.explaining import MONDAY, check, explain_all, rows, said, spend
from tests.factories import OPERATOR, make_user


@pytest.fixture
def user():
    return make_user()


def test_an_account_that_no_operation_has_made_is_explained_by_what_it_will_begin_with(user):
    shown = explain_all(user.id)
    assert rows(shown[Figure.BALANCE]) == [("grant", 50_000, 150_000), ("renewal", 100_000, 100_000)]
    assert shown[Figure.ALLOWANCE].table.start == 100_000
    assert get_db().token_accounts.count_documents({}) == 0


def test_a_formula_has_the_figures_that_make_up_the_figure(user):
    spend(user, 67_500)
    token_accounts.hold(user.id, 500, by=OPERATOR)
    shown = explain_all(user.id)
    assert said(shown[Figure.BALANCE]) == [("allowance", 32_500), ("grants", 50_000)]
    assert said(shown[Figure.AVAILABLE]) == [("balance", 82_500), ("held", -500)]
    assert said(shown[Figure.ALLOWANCE]) == [("limit", 100_000), ("used", -67_500)]
    assert said(shown[Figure.USED]) == [("limit", 100_000), ("allowance", -32_500)]
    assert said(shown[Figure.GRANTS]) == [("given", 50_000), ("taken", 0)]


def test_what_is_used_beyond_a_lowered_limit_is_a_term_of_its_own(user):
    token_accounts.change_tier(user.id, "pro", by=OPERATOR, reason="Trial")
    spend(user, 300_000)
    token_accounts.change_tier(user.id, "free", by=OPERATOR, reason="Trial is over")
    shown = explain_all(user.id)
    assert said(shown[Figure.ALLOWANCE]) == [("limit", 100_000), ("used", -300_000), ("beyond", 200_000)]
    assert rows(shown[Figure.ALLOWANCE]) == [
        ("adjustment", -700_000, 0),
        ("usage", -300_000, 700_000),
        ("adjustment", 900_000, 1_000_000),
    ]


def test_what_is_held_beyond_the_balance_is_a_term_of_its_own(app):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user(tier="prepaid")
        ends = MONDAY + timedelta(minutes=1)
        token_accounts.grant(user.id, 900, source=GrantSource.BETA, by=OPERATOR, reason="A gift", expires_at=ends)
        token_accounts.hold(user.id, 50_400, by=OPERATOR)
        time.shift(timedelta(minutes=2))
        shown = explain_all(user.id)
    assert said(shown[Figure.AVAILABLE]) == [("balance", 50_000), ("held", -50_400), ("uncovered", 400)]


def test_a_grant_is_explained_by_what_it_gave_and_by_what_took_from_it(user):
    token_accounts.grant(user.id, 1_000, source=GrantSource.PURCHASE, by=OPERATOR, reason="Order 7", key="order-7")
    spend(user, 100_000)
    _initial, bought = explain(user.id, Figure.GRANTS).grants
    spend(user, 50_300)
    shown = explain(user.id, Figure.GRANTS, grant=bought.id)
    check(shown)
    assert (shown.value, said(shown)) == (700, [("given", 1_000), ("taken", -300)])
    assert rows(shown) == [("usage", -300, 700), ("purchase", 1_000, 1_000)]


def test_a_hold_says_what_for_and_until_when(user):
    outcome = token_accounts.hold(user.id, 700, by=OPERATOR, description="Chat answer")
    [(hold, entry)] = explain(user.id, Figure.HELD).holds
    assert (hold.amount, hold.expires_at, entry["description"]) == (700, outcome.expires_at, "Chat answer")
    account_commit.drain(user.id)
    check(explain(user.id, Figure.HELD))


@pytest.mark.parametrize("copied", [False, True])
def test_a_period_holds_what_came_after_it_began(app, copied):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 100)
        time.shift(timedelta(days=8))
        spend(user, 30)
        token_accounts.add_bonus(user.id, 10, by=OPERATOR, reason="Sorry")
        if copied:
            account_commit.drain(user.id)
        shown = explain_all(user.id)
    assert rows(shown[Figure.ALLOWANCE]) == [("bonus", 10, 99_980), ("usage", -30, 99_970)]
    assert shown[Figure.ALLOWANCE].table.start == 100_000
    assert (shown[Figure.CALLS].value, shown[Figure.LIFETIME_CALLS].value) == (1, 2)


@pytest.mark.parametrize("copied", [False, True])
def test_a_period_that_left_no_entry_is_known_all_the_same(app, copied):
    """A renewal that gave nothing is not entered; what went before must not count for the new period."""
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 100)
        token_accounts.add_bonus(user.id, 100, by=OPERATOR, reason="Sorry")
        time.shift(timedelta(days=8))
        if copied:
            account_commit.drain(user.id)
        before = explain_all(user.id)
        spend(user, 7)
        shown = explain_all(user.id)
    assert (before[Figure.ALLOWANCE].table.start, rows(before[Figure.ALLOWANCE])) == (100_000, [])
    assert rows(shown[Figure.ALLOWANCE]) == [("usage", -7, 99_993)]
    assert rows(shown[Figure.CALLS]) == [("usage", 1, 1)]


def test_what_happened_at_the_instant_of_a_reset_belongs_to_the_period_before(app):
    with time_machine.travel(MONDAY, tick=False):
        user = make_user()
        spend(user, 100)
        token_accounts.reset(user.id, by=OPERATOR, reason="Asked for")
        spend(user, 5)
        shown = explain_all(user.id)
    assert rows(shown[Figure.ALLOWANCE]) == [("usage", -5, 99_995)]
    assert shown[Figure.CALLS].value == 1


def test_a_renewal_that_time_has_brought_and_nobody_has_written_is_explained(app):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 100)
        time.shift(timedelta(days=8))
        shown = explain_all(user.id)
    assert rows(shown[Figure.BALANCE])[0] == ("renewal", 100, 150_000)
    assert rows(shown[Figure.CALLS]) == []


def test_a_grant_that_is_none_or_gone_is_not_found(user):
    spend(user, 150_000)
    for grant in (ObjectId(), ObjectId("0" * 24)):
        with pytest.raises(NotFound):
            explain(user.id, Figure.GRANTS, grant=grant)


@pytest.mark.parametrize("figure", Figure)
def test_nobodys_figures_are_not_found(figure):
    with pytest.raises(NotFound):
        explain(ObjectId(), figure)
