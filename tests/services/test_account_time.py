"""An account and the clock: what falls into which period, to the millisecond and from many threads at once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from app import clock
from app.models.account import Operation
from app.models.domain_error import InsufficientTokens
from app.models.user import User
from app.services import account_commit, account_group, account_short_cut, token_accounts
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, make_user

MS = timedelta(milliseconds=1)
WEEK = timedelta(days=7)
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BOUNDARY = START + WEEK
FREE = 100_000


@pytest.fixture
def user() -> User:
    """Somebody whose first period began at START, and who has used 1 token."""
    made = make_user()
    with time_machine.travel(START, tick=False):
        token_accounts.spend(made.id, 1, by=OPERATOR)
    return made


def spend(user: User, tokens: int = 1, **values: Any) -> Any:
    return token_accounts.spend(user.id, tokens, by=OPERATOR, **values)


def spend_at(user: User, at: datetime, tokens: int, key: str | None) -> Any:
    """As the service does it, for a caller whose clock says `at`."""

    def write(account_id: Any, operations: Any) -> Any:
        return account_short_cut.spend(account_id, operations) or account_commit.commit(account_id, operations)

    operation = Operation("spend", {"tokens": tokens}, OPERATOR.stamp(), at, key=key)
    return account_group.submit(user.id, operation, write)


def check_periods(user: User, boundary: datetime) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The spends before and after the one renewal at `boundary`; fails where one of them is on the wrong side."""
    entries = sound_entries(user.id)
    (renewal,) = [entry for entry in entries if entry["type"] == "renewal"][1:]
    place = entries.index(renewal)
    before = [entry for entry in entries[:place] if entry["type"] == "usage"]
    after = [entry for entry in entries[place:] if entry["type"] == "usage"]
    assert renewal["at"] == boundary
    assert all(entry["at"] < boundary for entry in before)
    assert all(entry["at"] >= boundary for entry in after)
    # What had been used came back, and nothing else.
    assert renewal["amount"] == -sum(entry["amount"] for entry in before)
    with time_machine.travel(entries[-1]["at"], tick=False):
        account = token_accounts.view(user.id)
    assert account.used == -sum(entry["amount"] for entry in after)
    assert (account.period_start, account.period_calls) == (boundary, len(after))
    assert account.lifetime_tokens == -sum(entry["amount"] for entry in [*before, *after])
    return before, after


# --- the boundary of a period -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [False, True], ids=["without keys", "with keys"])
def test_64_threads_that_spend_across_a_boundary_land_where_their_time_says(user, threads, key):
    def spend_across(thread: int) -> list[Any]:
        # Just before, at, and just after it; each thread begins elsewhere.
        moments = [BOUNDARY + MS * ((thread + n) % 7 - 3) for n in range(7)]
        return [(at, spend_at(user, at, thread + 1, f"{thread}-{n}" if key else None)) for n, at in enumerate(moments)]

    done = [one for spends in threads(spend_across, 64) for one in spends]
    before, after = check_periods(user, BOUNDARY)
    assert len(before) + len(after) == 1 + len(done) == 1 + 64 * 7
    found = {entry["_id"]: entry for entry in [*before, *after]}
    for at, outcome in done:
        # Dated as asked, or as the entry before it: time never runs backwards.
        assert found[outcome.entry_id]["at"] == outcome.at >= at
    assert -sum(outcome.amount for _, outcome in done) == 7 * 64 * 65 // 2
    assert {outcome.entry_id for at, outcome in done if at >= BOUNDARY} <= {entry["_id"] for entry in after}


def test_a_clock_that_runs_across_a_boundary_under_load_splits_the_spends_there(user, threads):
    with time_machine.travel(BOUNDARY - timedelta(milliseconds=150), tick=True):

        def spend_until_after(_: int) -> int:
            done = 0
            while clock.now() < BOUNDARY + timedelta(milliseconds=150):
                spend(user)
                done += 1
            spend(user)
            return done + 1

        done = threads(spend_until_after, 64)
    before, after = check_periods(user, BOUNDARY)
    assert len(before) + len(after) == 1 + sum(done)
    assert len(after) >= 64


@pytest.mark.parametrize(
    ("since", "fits"), [(-MS, False), (timedelta(0), True), (MS, True)], ids=["just before", "at it", "just after"]
)
def test_the_whole_allowance_is_there_again_from_the_very_millisecond(user, since, fits):
    with time_machine.travel(BOUNDARY + since, tick=False):
        if fits:
            assert spend(user, FREE + 50_000).available == 0
        else:
            with pytest.raises(InsufficientTokens) as refusal:
                spend(user, FREE + 50_000)
            assert refusal.value.values["resets_at"] == BOUNDARY


# --- calendars --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(datetime(2026, 3, 25, 12, tzinfo=ZoneInfo("Europe/Berlin")), id="an hour is lost"),
        pytest.param(datetime(2026, 10, 21, 12, tzinfo=ZoneInfo("Europe/Berlin")), id="an hour comes twice"),
        pytest.param(
            datetime(2026, 3, 8, 1, 59, tzinfo=ZoneInfo("America/New_York")), id="a minute before an hour is lost"
        ),
        pytest.param(datetime(2011, 12, 27, 12, tzinfo=ZoneInfo("Pacific/Apia")), id="a day is left out"),
        pytest.param(datetime(2028, 2, 25, 12, tzinfo=ZoneInfo("UTC")), id="a leap day"),
        pytest.param(datetime(2027, 2, 25, 12, tzinfo=ZoneInfo("UTC")), id="a February without one"),
        pytest.param(datetime(2026, 12, 29, 12, tzinfo=ZoneInfo("UTC")), id="a new year"),
    ],
)
def test_a_week_lasts_168_hours_to_the_millisecond_whatever_calendars_say(start):
    start = start.astimezone(UTC)
    user = make_user()
    for at in (
        start,
        start + timedelta(hours=168) - MS,
        start + timedelta(hours=168),
        start + timedelta(hours=336) - MS,
    ):
        with time_machine.travel(at, tick=False):
            spend(user, 7)
    before, after = check_periods(user, start + timedelta(hours=168))
    assert (len(before), len(after)) == (2, 2)


# --- clocks that step -------------------------------------------------------------------------------------------------


def test_a_clock_that_steps_back_and_forth_never_takes_an_account_back(user):
    steps = [timedelta(hours=1), timedelta(0), WEEK, -WEEK, 3 * WEEK + MS, WEEK, timedelta(0), 3 * WEEK + 2 * MS]
    seen = []
    for step in steps:
        with time_machine.travel(START + step, tick=False):
            spend(user, 10)
            seen.append(token_accounts.view(user.id))
    entries = sound_entries(user.id)
    assert all(one["at"] <= other["at"] for one, other in pairwise(entries))
    assert [one.period_start for one in seen] == [START] * 2 + [START + WEEK] * 2 + [START + 3 * WEEK] * 4
    assert [one.used for one in seen] == [11, 21, 10, 20, 10, 20, 30, 40]
    assert [entry["type"] for entry in entries].count("renewal") == 3
    assert seen[-1].last_spend_at == START + 3 * WEEK + 2 * MS


def test_after_a_step_back_threads_still_spend_exactly_what_there_is(user, threads):
    with time_machine.travel(START + timedelta(hours=1), tick=False):
        spend(user, 49_999)
    with time_machine.travel(START, tick=False):

        def spend_all(_: int) -> list[Any]:
            return [refused_or_done(user) for _ in range(3)]

        done = [one for spends in threads(spend_all, 64) for one in spends]
        assert done.count(True) == 100
        assert token_accounts.view(user.id).balance == 0
    assert {entry["at"] for entry in sound_entries(user.id)[4:]} == {START + timedelta(hours=1)}


def refused_or_done(user: User) -> bool:
    """Spends 1,000, and says whether there were so many."""
    try:
        spend(user, 1_000)
    except InsufficientTokens:
        return False
    return True
