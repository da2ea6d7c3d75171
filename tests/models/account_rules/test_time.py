"""What time brings: expiries and renewals, to the millisecond, in order, and never backwards."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.models import account_rules
from app.models.account import Terms
from app.models.domain_error import InsufficientTokens
from tests.models.account_rules.examples import (
    AT,
    DAY,
    HOUR,
    MILLISECOND,
    PREPAID,
    PRO,
    START,
    WEEK,
    account,
    done,
    grant,
    hold,
    policy,
    spent,
    table,
)

END = START + WEEK


def test_periods_are_half_open():
    before = account(used=100_000, period_calls=9)
    with pytest.raises(InsufficientTokens):
        spent(before, 1, at=END - MILLISECOND)
    for at in (END, END + MILLISECOND):
        after = spent(before, 1, at=at)
        assert after.brought == [("renewal", 100_000, END)]
        assert (after.account.used, after.account.period_calls, after.account.period_start) == (1, 1, END)


MISSED = [
    ("One period.", timedelta(days=7, hours=3), 1),
    ("Two, to the millisecond.", timedelta(days=14), 2),
    ("Two but for a millisecond.", timedelta(days=14) - MILLISECOND, 1),
    ("A year of them.", timedelta(days=365), 52),
    ("A hundred years of them.", timedelta(days=36_525), 5_217),
]


@table("passed periods", MISSED)
def test_missed_periods_are_one_renewal_at_the_start_of_the_present_one(passed, periods):
    after = spent(account(used=30_000), 10, at=START + passed)
    start = START + periods * WEEK
    assert after.brought == [("renewal", 30_000, start)]
    assert (after.account.period_start, after.account.period_end) == (start, start + WEEK)
    assert after.account.period_start <= START + passed < after.account.period_end


def test_periods_do_not_drift():
    one, at = account(), START
    for weeks in (1, 2, 5, 6, 20):
        at = START + weeks * WEEK + timedelta(hours=7 * weeks % 150, milliseconds=weeks)
        one = spent(one, 1, at=at).account
        assert (one.period_start - START) % WEEK == timedelta(0)


def test_a_renewal_counts_calls_anew_and_keeps_those_of_a_life():
    before = account(used=500, period_calls=5, lifetime_calls=7, lifetime_tokens=900, last_spend_at=START)
    after = spent(before, 10, at=END).account
    assert (after.period_calls, after.lifetime_calls, after.lifetime_tokens, after.last_spend_at) == (1, 8, 910, END)


def test_a_renewal_that_changes_no_balance_has_no_entry():
    after = spent(account(used=0, period_calls=4), 10, at=END)
    assert after.brought == []
    assert (after.account.period_start, after.account.period_calls) == (END, 1)


def test_without_an_allowance_nothing_renews():
    after = spent(account(PREPAID, grants=[grant(10)]), 1, at=START + 1_000 * WEEK)
    assert (after.brought, after.account.period_end, after.account.balance) == ([], None, 9)


ORDER = [
    (
        "Expiry comes before renewal at one instant.",
        [END],
        END,
        [("expiry", -1, END), ("renewal", 30_000, END)],
    ),
    (
        "What expires after the renewal is entered after it.",
        [END + HOUR],
        END + HOUR,
        [("renewal", 30_000, END), ("expiry", -1, END + HOUR)],
    ),
    (
        "Before and after.",
        [END + HOUR, END - HOUR],
        END + DAY,
        [("expiry", -2, END - HOUR), ("renewal", 30_000, END), ("expiry", -1, END + HOUR)],
    ),
    (
        "What expired in a missed period comes before the one renewal.",
        [END + HOUR, END + WEEK, END + WEEK + HOUR],
        END + WEEK + DAY,
        [
            ("expiry", -1, END + HOUR),
            ("expiry", -2, END + WEEK),
            ("renewal", 30_000, END + WEEK),
            ("expiry", -3, END + WEEK + HOUR),
        ],
    ),
    (
        "Soonest first, wherever they stand.",
        [START + 3 * HOUR, START + HOUR, START + 2 * HOUR],
        AT,
        [
            ("expiry", -2, START + HOUR),
            ("expiry", -3, START + 2 * HOUR),
            ("expiry", -1, START + 3 * HOUR),
        ],
    ),
    ("A grant lives up to the millisecond.", [AT + MILLISECOND], AT, []),
    ("And not longer.", [AT], AT, [("expiry", -1, AT)]),
]


@table("ends at brought", ORDER)
def test_what_time_brings_is_entered_in_order_with_its_own_dates(ends, at, brought):
    grants = [grant(left, end) for left, end in enumerate(ends, start=1)]
    after = spent(account(used=30_000, grants=grants), 10, at=at)
    assert after.brought == brought
    assert all(entry["by"]["kind"] == "system" for entry in after.entries[:-1])
    assert sum(entry["amount"] for entry in after.entries) == after.account.balance - 70_000 - sum(
        range(1, len(ends) + 1)
    )


def test_an_expired_grant_is_entered_with_what_was_left_of_it():
    gone = grant(40, AT)
    after = spent(account(used=30_000, grants=[gone]), 10, at=AT)
    assert after.entries[0]["parts"] == [{"source": str(gone.id), "amount": -40}]
    assert after.account.grants == []


# --- changed settings -------------------------------------------------------------------------------------------------

SETTINGS = [
    ("More than before.", Terms("free", 150_000, WEEK), 70_000, [("renewal", 120_000, END)], END),
    ("Less than before, but more than was left.", Terms("free", 40_000, WEEK), 70_000, [("renewal", 10_000, END)], END),
    ("A renewal may shrink the balance.", Terms("free", 40_000, WEEK), 20_000, [("renewal", -40_000, END)], END),
    ("A renewal may change nothing.", Terms("free", 40_000, WEEK), 60_000, [], END),
    ("The allowance is gone.", Terms("free", 0, timedelta(0)), 60_000, [("renewal", -40_000, END)], END),
    ("A longer period begins with the renewal.", Terms("free", 100_000, 30 * DAY), 5, [("renewal", 5, END)], END),
    ("A shorter one too, and passes on.", Terms("free", 100_000, DAY), 5, [("renewal", 5, END)], END + 2 * DAY),
]


@table("terms used brought start", SETTINGS)
def test_changed_settings_reach_an_account_when_it_renews(terms, used, brought, start):
    settings = policy(terms)
    before = account(used=used)
    unchanged = done(before, "hold", at=END - MILLISECOND, settings=settings, tokens=1, ttl=1).account
    assert (unchanged.limit, unchanged.period, unchanged.used) == (100_000, WEEK, used)
    after = done(
        account(used=used, grants=[grant(5)]), "hold", at=END + 2 * DAY + HOUR, settings=settings, tokens=1, ttl=1
    )
    assert after.brought == brought
    renewed = after.account
    assert (renewed.limit, renewed.period, renewed.used, renewed.period_start) == (terms.limit, terms.period, 0, start)
    assert renewed.balance == terms.limit + 5


def test_a_tier_that_is_in_the_settings_no_more_keeps_its_terms():
    gone = Terms("gold", 7_000, DAY)
    after = done(account(gone, used=50), "hold", at=START + DAY, tokens=1, ttl=1)
    assert after.brought == [("renewal", 50, START + DAY)]
    assert (after.account.limit, after.account.period) == (7_000, DAY)


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_time_never_runs_backwards_for_an_account():
    before = account(last_entry_at=AT, used=50, grants=[grant(10, AT + MILLISECOND)])
    after = done(before, "hold", at=AT - 3 * WEEK, tokens=1, ttl=60)
    assert (after.entry["at"], after.brought) == (AT, [])
    assert after.account.holds[0].expires_at == AT + timedelta(seconds=60)
    assert after.account.last_entry_at == AT


def test_a_clock_that_steps_back_undoes_no_renewal_and_no_expiry():
    renewed = spent(account(used=50, grants=[grant(10, END)]), 7, at=END).account
    after = spent(renewed, 5, at=END - DAY)
    assert (after.brought, after.account.used, after.account.period_start) == ([], 12, END)
    assert after.account.last_spend_at == END


def test_the_last_millisecond_of_a_held_back_clock_still_counts():
    # The account's own time is the end of its period, whatever the clock says.
    with pytest.raises(InsufficientTokens):
        spent(account(used=100_000, last_entry_at=END - MILLISECOND), 1, at=START)
    assert spent(account(used=100_000, last_entry_at=END), 1, at=START).brought == [("renewal", 100_000, END)]


ZONES = [
    ("Clocks go forward in Berlin.", datetime(2026, 3, 27, 12, tzinfo=UTC), "Europe/Berlin"),
    ("Clocks go back in Berlin.", datetime(2026, 10, 23, 12, tzinfo=UTC), "Europe/Berlin"),
    ("A leap day.", datetime(2028, 2, 25, 12, tzinfo=UTC), "UTC"),
    ("A new year.", datetime(2026, 12, 30, 12, tzinfo=UTC), "Asia/Tokyo"),
]


@table("start zone", ZONES)
def test_a_week_is_seven_times_24_hours_whatever_calendars_and_clocks_do(start, zone):
    before = account(used=50, period_start=start, last_entry_at=start)
    end = (start + timedelta(hours=7 * 24)).astimezone(ZoneInfo(zone)).astimezone(UTC)
    assert spent(before, 1, at=end - MILLISECOND).brought == []
    assert spent(before, 1, at=end).brought == [("renewal", 50, start + timedelta(seconds=604_800))]


# --- when time next changes anything ----------------------------------------------------------------------------------

NEXT = [
    ("The end of the period.", {}, END),
    ("A grant that expires before.", {"grants": [grant(1), grant(1, END - HOUR), grant(1, END)]}, END - HOUR),
    ("A hold that ends before.", {"holds": [hold(1, AT + HOUR), hold(1, AT + DAY)]}, AT + HOUR),
    ("Grants that expire later do not count.", {"grants": [grant(1, END + HOUR)]}, END),
]


@table("values due_at", NEXT)
def test_an_account_knows_when_time_next_changes_it(values, due_at):
    assert spent(account(**values), 1).account.due_at == due_at


def test_where_time_changes_nothing_the_date_is_far_and_no_null():
    assert spent(account(PREPAID, grants=[grant(5)]), 1).account.due_at > datetime(9000, 1, 1, tzinfo=UTC)


# --- a new account ----------------------------------------------------------------------------------------------------

NEW = [
    ("A free user.", "free", 50_000, [("renewal", 100_000, 100_000), ("grant", 50_000, 150_000)]),
    ("A pro.", "pro", 50_000, [("renewal", 1_000_000, 1_000_000), ("grant", 50_000, 1_050_000)]),
    ("Without an allowance.", "prepaid", 50_000, [("grant", 50_000, 50_000)]),
    ("Without initial tokens.", "free", 0, [("renewal", 100_000, 100_000)]),
    ("Without anything.", "prepaid", 0, []),
]


@table("tier initial expected", NEW)
def test_a_new_account_begins_with_its_first_period_and_its_initial_grant(tier, initial, expected):
    settings = policy()
    opened, entries = account_rules.open_account(account().id, settings.tiers[tier], initial, settings, AT)
    after, said = 0, []
    for entry in entries:
        after += entry["amount"]
        said.append((entry["type"], entry["amount"], after))
    assert said == expected
    assert {entry["at"] for entry in entries} <= {AT}
    assert [entry.get("key") for entry in entries if entry["type"] == "grant"] == ["initial"] * bool(initial)
    assert (opened.balance, opened.period_start, opened.used) == (after, AT, 0)
    assert [(one.source, one.left, one.expires_at) for one in opened.grants] == [("initial", initial, None)] * bool(
        initial
    )


def test_a_new_account_is_a_whole_period_old_after_a_period():
    opened, _ = account_rules.open_account(account().id, PRO, 50, policy(), AT)
    later = opened.copy()
    assert account_rules.catch_up(later, AT + WEEK - MILLISECOND, policy()) == []
    assert later.period_start == AT
    account_rules.catch_up(later, AT + WEEK, policy())
    assert later.period_start == AT + WEEK
