"""Resets and changes of tier: what is used, what is kept, and what the balance makes of it."""

import pytest

from tests.models.account_rules.examples import (
    AT,
    DAY,
    FREE,
    HOUR,
    PREPAID,
    PRO,
    START,
    WEEK,
    account,
    done,
    grant,
    hold,
    moved,
    policy,
    spent,
    table,
)

RESETS = [
    ("What was used comes back.", 67_500, 67_500),
    ("An allowance used up comes back whole.", 100_000, 100_000),
    ("No more than the limit comes back.", 180_000, 100_000),
    ("Nothing used, nothing back: an entry of 0.", 0, 0),
]


@table("used back", RESETS)
def test_a_reset_gives_back_what_was_used(used, back):
    after = done(account(used=used, grants=[grant(70)]), "reset")
    assert (after.entry["type"], after.entry["amount"], after.part("allowance")) == ("reset", back, back)
    assert (after.account.used, after.account.balance) == (0, 100_070)


def test_a_reset_starts_a_period_and_keeps_grants_holds_and_lifetime_figures():
    before = account(
        used=50, grants=[grant(70)], holds=[hold(30)], period_calls=5, lifetime_calls=8, lifetime_tokens=99
    )
    after = done(before, "reset").account
    assert (after.period_start, after.period_end) == (AT, AT + WEEK)
    assert (after.period_calls, after.lifetime_calls, after.lifetime_tokens, after.last_spend_at) == (0, 8, 99, None)
    assert ([one.left for one in after.grants], after.holds, after.held) == ([70], before.holds, 30)


def test_the_next_period_begins_a_period_after_the_reset():
    reset = done(account(used=50), "reset").account
    assert spent(reset, 10, at=START + WEEK).brought == []
    assert spent(spent(reset, 10).account, 10, at=AT + WEEK).brought == [("renewal", 10, AT + WEEK)]


def test_a_reset_when_a_renewal_is_due_too():
    after = done(account(used=50), "reset", at=START + WEEK + HOUR)
    assert after.brought == [("renewal", 50, START + WEEK)]
    assert (after.entry["amount"], after.account.period_start) == (0, START + WEEK + HOUR)


def test_without_an_allowance_a_reset_is_an_entry_of_nothing():
    after = done(account(PREPAID, grants=[grant(70)]), "reset")
    assert (after.entry["amount"], after.entry["parts"], after.account.balance) == (0, [], 70)


TIERS = [
    ("Up: the rest of the new limit is there at once.", FREE, PRO, 60_000, 900_000),
    ("Up from an allowance used up.", FREE, PRO, 100_000, 900_000),
    ("Down: less is left.", PRO, FREE, 60_000, -900_000),
    ("Down under what is used: nothing is left.", PRO, FREE, 400_000, -600_000),
    ("Down from an allowance used up: an entry of 0.", PRO, FREE, 1_000_000, 0),
    ("To the same tier: an entry of 0.", FREE, FREE, 60_000, 0),
    ("To no allowance.", FREE, PREPAID, 60_000, -40_000),
    ("From no allowance: what was used before still is.", PREPAID, FREE, 30_000, 70_000),
    ("From more used than the limit.", FREE, PRO, 250_000, 750_000),
]


@table("old new used amount", TIERS)
def test_a_tier_changes_the_limit_and_keeps_used_and_the_start_of_the_period(old, new, used, amount):
    before = account(old, used=used, period_calls=3, grants=[grant(70)], holds=[hold(30)])
    after = moved(before, new)
    changed = after.account
    assert (after.entry["type"], after.entry["amount"], after.part("allowance")) == ("adjustment", amount, amount)
    assert (changed.tier, changed.limit, changed.period) == (new.tier, new.limit, new.period)
    assert (changed.used, changed.period_start, changed.period_calls) == (used, START, 3)
    assert changed.balance == max(0, new.limit - used) + 70
    assert changed.holds == before.holds


def test_a_lowered_tier_leaves_less_than_is_held_but_never_less_than_nothing():
    after = moved(account(PRO, used=950_000, holds=[hold(40_000)]), FREE).account
    assert (after.balance, after.held, after.available) == (0, 40_000, 0)
    closed = done(after, "settle", hold=after.holds[0].id, tokens=40_000)
    assert (closed.entry["amount"], closed.entry["answer"]) == (0, {"uncovered": 40_000})


@pytest.mark.parametrize("used", [400_000, 0])
def test_a_changed_tier_renews_under_its_own_terms(used):
    free = moved(account(PRO, used=used), FREE).account
    after = done(free, "hold", tokens=1, ttl=1, at=START + WEEK).account
    assert (after.limit, after.used, after.balance) == (100_000, 0, 100_000)


def test_a_shorter_period_that_is_over_already_renews_at_the_next_operation():
    daily = policy().tiers["free"].__class__("daily", 500, DAY)
    changed = moved(account(used=400), daily, at=START + 3 * DAY + HOUR)
    assert (changed.entry["amount"], changed.account.balance) == (100 - 99_600, 100)
    after = spent(changed.account, 10, at=START + 3 * DAY + 2 * HOUR, settings=policy(daily))
    # No entry is dated before the one that stands before it.
    assert after.brought == [("renewal", 400, START + 3 * DAY + HOUR)]
    assert (after.account.period_start, after.account.balance) == (START + 3 * DAY, 490)
