"""Grants and bonuses: tokens that stay until they are used or expire, at most two hundred of them."""

import pytest

from app.models.account import GrantSource, Terms
from app.models.domain_error import BalanceTooLarge, InvalidInput, TooManyGrants
from tests.models.account_rules.examples import (
    AT,
    DAY,
    FREE,
    MILLISECOND,
    PREPAID,
    START,
    WEEK,
    account,
    done,
    grant,
    hold,
    moved,
    table,
)

LARGEST = 2**53 - 1
MOST_AT_ONCE = 1_000_000_000


def given(before, tokens, source="bonus", expires_at=None, **values):
    return done(before, "grant", tokens=tokens, source=source, expires_at=expires_at, **values)


TYPES = [
    ("A purchase is entered as one.", "purchase", "purchase"),
    ("Beta tokens are a grant.", "beta", "grant"),
    ("An adjustment by grant is a grant.", "adjustment", "grant"),
    ("Initial tokens are a grant.", "initial", "grant"),
]


@table("source type_", TYPES)
def test_a_grant_raises_the_balance_and_says_where_it_comes_from(source, type_):
    after = given(account(used=40_000, holds=[hold(10_000)]), 700, source, START + WEEK)
    assert (after.entry["type"], after.entry["amount"]) == (type_, 700)
    assert (after.account.balance, after.account.available) == (60_700, 50_700)
    (made,) = after.account.grants
    assert (made.source, made.amount, made.left, made.at, made.expires_at) == (source, 700, 700, AT, START + WEEK)
    assert after.part(made.id) == 700


def test_a_grant_expires_in_the_future():
    for past in (AT, AT - MILLISECOND):
        with pytest.raises(InvalidInput) as refusal:
            given(account(), 5, expires_at=past)
        assert list(refusal.value.errors) == ["expires_at"]
    assert given(account(), 5, expires_at=AT + MILLISECOND).account.balance == 100_005


BONUSES = [
    ("What is used is lowered by the bonus.", 67_500, 100_000, 50_000, 17_500, []),
    ("What is over becomes a grant.", 10_000, 100_000, 50_000, 0, [40_000]),
    ("Exactly what is used leaves no grant.", 50_000, 100_000, 50_000, 0, []),
    ("Nothing used: all of it is a grant.", 0, 100_000, 50_000, 0, [50_000]),
    ("Used above a lowered limit counts as the limit.", 67_500, 50_000, 20_000, 30_000, []),
    ("Used above a lowered limit, and more than the limit.", 67_500, 50_000, 60_000, 0, [10_000]),
    ("Without an allowance all of it is a grant.", 0, 0, 50_000, 0, [50_000]),
]


@table("used limit tokens left_used grants", BONUSES)
def test_a_bonus_lowers_what_is_used_and_the_rest_is_a_grant(used, limit, tokens, left_used, grants):
    before = account(FREE if limit else PREPAID, used=used)
    before.limit = limit
    balance = max(0, limit - used)
    after = done(before, "add_bonus", tokens=tokens)
    assert (after.account.used, after.left) == (left_used, grants)
    assert (after.entry["type"], after.entry["amount"], after.account.balance) == ("bonus", tokens, balance + tokens)
    assert all((one.source, one.expires_at) == ("bonus", None) for one in after.account.grants)
    assert after.account.period_start == START


def test_a_bonus_always_raises_the_balance_by_itself():
    for used in (0, 1, 99_999, 100_000, 100_001, 500_000):
        for tokens in (1, 100_000, 1_000_000):
            balance = max(0, 100_000 - used)
            assert done(account(used=used), "add_bonus", tokens=tokens).account.balance == balance + tokens


def test_a_bonus_keeps_calls_and_holds():
    before = account(used=10, period_calls=4, holds=[hold(5)])
    after = done(before, "add_bonus", tokens=10).account
    assert (after.period_calls, after.holds) == (4, before.holds)


# --- two hundred ------------------------------------------------------------------------------------------------------


def full_of_expiring() -> object:
    """An account that takes no further expiring grant."""
    one = account(PREPAID, grants=[grant(1, START + WEEK) for _ in range(150)])
    for _ in range(51):
        try:
            one = given(one, 1, "purchase", START + WEEK).account
        except TooManyGrants:
            return one
    raise AssertionError("201 live grants")


def test_expiring_grants_are_refused_when_there_are_too_many():
    full = full_of_expiring()
    # A place for one never-expiring grant of each source is kept.
    assert len(full.grants) == 200 - len(GrantSource)
    expired = given(full, 1, "purchase", START + 2 * WEEK, at=START + WEEK).account
    assert [one.expires_at for one in expired.grants] == [START + 2 * WEEK]


def test_a_never_expiring_grant_is_never_refused():
    one = full_of_expiring()
    for source in [*GrantSource] * 60:
        one = given(one, 10, source.value).account
    assert len(one.grants) <= 200
    assert one.balance == 200 - len(GrantSource) + 60 * 10 * len(GrantSource)
    assert done(one, "add_bonus", tokens=7).account.balance == one.balance + 7


def test_above_two_hundred_a_never_expiring_grant_joins_the_youngest_of_its_source():
    crowd = [grant(1, START + WEEK) for _ in range(197)]
    old, young = grant(100, source="beta", at=START - 2 * DAY), grant(200, source="beta", at=START - DAY)
    lasting = [young, old, grant(300, source="purchase", at=START)]
    before = account(PREPAID, grants=crowd + lasting)
    after = given(before, 50, "beta")
    assert len(after.account.grants) == 200
    left = {one.id: (one.amount, one.left) for one in after.account.grants}
    assert left[young.id] == (450, 250)
    assert left[old.id] == (200, 100)
    assert after.entry["amount"] == after.part(young.id) == 50


def test_above_two_hundred_an_expiring_grant_joins_nothing():
    crowd = [grant(1, START + WEEK) for _ in range(199)]
    with pytest.raises(TooManyGrants):
        given(account(PREPAID, grants=[*crowd, grant(5, source="beta")]), 50, "beta", START + WEEK)


def test_used_up_and_expired_grants_make_room():
    crowd = [grant(1, START + WEEK) for _ in range(194)] + [grant(5, START + DAY), grant(5, START + 2 * DAY)]
    before = account(PREPAID, grants=crowd)
    after = given(before, 9, "purchase", START + WEEK, at=START + 2 * DAY)
    assert [type_ for type_, _, _ in after.brought] == ["expiry", "expiry"]
    assert len(after.account.grants) == 195


# --- 2**53 ------------------------------------------------------------------------------------------------------------


def test_no_balance_passes_the_largest_that_every_program_counts_exactly():
    nearly = account(PREPAID, grants=[grant(LARGEST - 2 * MOST_AT_ONCE, amount=LARGEST)])
    full = given(nearly, MOST_AT_ONCE).account
    assert full.balance == LARGEST - MOST_AT_ONCE
    for refused in (
        {"verb": "grant", "tokens": 1, "source": "beta", "expires_at": None},
        {"verb": "add_bonus", "tokens": 1},
    ):
        with pytest.raises(BalanceTooLarge):
            done(full, **refused)
    # Any allowance still fits on top.
    richest = moved(full, Terms("huge", MOST_AT_ONCE, DAY)).account
    assert richest.balance == LARGEST
    assert done(richest, "spend", tokens=MOST_AT_ONCE).account.balance == LARGEST - MOST_AT_ONCE
