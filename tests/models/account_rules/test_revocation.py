"""Revocation: taking back what is left of what an earlier entry gave."""

import pytest

from app.models.domain_error import NotFound
from tests.models.account_rules.examples import (
    AT,
    DAY,
    HOUR,
    MILLISECOND,
    PREPAID,
    START,
    WEEK,
    account,
    done,
    entry_of,
    grant,
    hold,
    table,
)


def revoked(before, earlier, **values):
    return done(before, "revoke", earlier=earlier, undoes="order:7", **values)


GRANTS = [
    # left of the grant, other tokens, held -> taken, uncovered of 500 given
    ("All of it is still there.", 500, 0, 0, 500, 0),
    ("Some of it was used.", 200, 0, 0, 200, 300),
    ("Other tokens are not taken instead.", 200, 1_000, 0, 200, 300),
    ("What is held stays.", 500, 0, 400, 100, 400),
    ("Other tokens cover what is held.", 500, 400, 400, 500, 0),
    ("More is held than there is.", 500, 0, 900, 0, 500),
]


@table("left others held taken uncovered", GRANTS)
def test_it_takes_what_is_left_of_a_grant_but_no_more_than_what_is_available(left, others, held, taken, uncovered):
    bought = grant(left, source="purchase")
    rest = [grant(others)] if others else []
    before = account(PREPAID, grants=[*rest, bought], holds=[hold(held)] if held else [])
    after = revoked(before, entry_of("purchase", **{str(bought.id): 500}))
    assert (after.entry["type"], after.entry["amount"], after.part(bought.id)) == ("revocation", -taken, -taken)
    assert after.entry["answer"] == {"uncovered": uncovered}
    assert after.account.balance == left + others - taken
    assert after.account.held == held
    assert [one.left for one in after.account.grants if one.id == bought.id] == [left - taken] * (left > taken)


def test_a_grant_that_is_gone_is_all_uncovered():
    after = revoked(account(PREPAID, grants=[grant(70)]), entry_of("purchase", **{str(grant(1).id): 500}))
    assert (after.entry["amount"], after.entry["answer"], after.account.balance) == (0, {"uncovered": 500}, 70)


def test_a_grant_that_expires_at_that_very_moment_is_gone():
    bought = grant(500, AT)
    after = revoked(account(PREPAID, grants=[bought]), entry_of("purchase", **{str(bought.id): 500}))
    assert after.brought == [("expiry", -500, AT)]
    assert (after.entry["amount"], after.entry["answer"]) == (0, {"uncovered": 500})


def test_it_names_what_it_undoes():
    bought = grant(500)
    earlier = entry_of("purchase", **{str(bought.id): 500})
    assert revoked(account(grants=[bought]), earlier).entry["reference"]["undoes"] == earlier["_id"]


def test_of_a_grant_that_others_joined_only_its_own_share_is_taken():
    joined = grant(900)
    after = revoked(account(PREPAID, grants=[joined]), entry_of("bonus", **{str(joined.id): 50}))
    assert (after.entry["amount"], after.left) == (-50, [850])


ALLOWANCES = [
    ("What a reset gave back is taken from the allowance.", 0, 67_500, 67_500, 0),
    ("Some of the allowance was used since.", 50_000, 67_500, 50_000, 17_500),
    ("All of it was used since.", 100_000, 67_500, 0, 67_500),
]


@table("used given taken uncovered", ALLOWANCES)
def test_it_takes_back_what_an_entry_gave_to_the_allowance(used, given, taken, uncovered):
    after = revoked(account(used=used, grants=[grant(70)]), entry_of("reset", allowance=given))
    assert (after.entry["amount"], after.part("allowance")) == (-taken, -taken)
    assert after.entry["answer"] == {"uncovered": uncovered}
    assert (after.account.used, after.account.balance) == (used + taken, 100_070 - used - taken)
    assert after.account.period_start == START


def test_the_allowance_of_a_period_that_is_over_is_gone():
    before = account(used=5)
    given = entry_of("reset", allowance=67_500)
    after = revoked(before, given, at=START + WEEK)
    assert after.brought == [("renewal", 5, START + WEEK)]
    assert (after.entry["amount"], after.entry["answer"], after.account.used) == (0, {"uncovered": 67_500}, 0)
    # As is what an entry before a later reset gave.
    later = account(used=5, period_start=START, last_entry_at=START)
    old = entry_of("bonus", at=START - MILLISECOND, allowance=500)
    assert revoked(later, old, at=START + HOUR).entry["amount"] == 0


def test_a_bonus_is_taken_back_from_both_of_its_parts():
    over = grant(40_000)
    after = revoked(account(grants=[over]), entry_of("bonus", **{"allowance": 10_000, str(over.id): 40_000}))
    assert (after.part("allowance"), after.part(over.id)) == (-10_000, -40_000)
    assert (after.account.used, after.account.grants, after.account.balance) == (10_000, [], 90_000)


def test_an_entry_that_gave_nothing_has_nothing_to_take_back():
    for earlier in (entry_of("usage", allowance=-500), entry_of("reset"), entry_of("hold")):
        after = revoked(account(used=500), earlier)
        assert (after.entry["amount"], after.entry["answer"], after.account.used) == (0, {"uncovered": 0}, 500)


def test_there_must_be_something_to_undo():
    with pytest.raises(NotFound):
        revoked(account(), None)


def test_it_is_no_call():
    bought = grant(500)
    after = revoked(account(grants=[bought]), entry_of("purchase", **{str(bought.id): 500}), at=AT + DAY).account
    assert (after.period_calls, after.lifetime_calls, after.lifetime_tokens, after.last_spend_at) == (0, 0, 0, None)
