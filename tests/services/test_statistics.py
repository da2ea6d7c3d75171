"""Figures of all accounts and usage by day: against a full recount, through crashes, races, lapsed periods and recounts."""

from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import time_machine
from mongoengine.connection import get_db

from app import clock
from app.models.domain_error import FiguresNotTaken, InsufficientTokens
from app.models.user import User
from app.services import account_commit, daily_figures, kept_figures, statistics, token_accounts, user_changes
from app.services.daily_figures import Day
from tests.factories import OPERATOR, make_user

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = START.date()


@pytest.fixture(autouse=True)
def clock_hand():
    """A clock that stands, at noon; a test may move it on."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def spend(user, tokens, *, copied=True):
    token_accounts.spend(user.id, tokens, by=OPERATOR)
    if copied:
        account_commit.drain(user.id)


def copy_all():
    for user_id in User.objects.scalar("id"):
        account_commit.drain(user_id)


def used_days():
    """What is shown of the last 60 days, without those on which nothing was used."""
    return {day.date: (day.tokens, day.calls) for day in daily_figures.days(60) if day.calls}


def recounted_days(zone="UTC"):
    """The same, by reading every ledger."""
    tokens, calls = Counter(), Counter()
    for entry in get_db().ledger_entries.find({"type": "usage"}):
        day = entry["at"].astimezone(ZoneInfo(zone)).date()
        tokens[day] -= entry["amount"]
        calls[day] += 1
    return {day: (tokens[day], calls[day]) for day in calls}


def recounted_tiers():
    """The figures of each tier, by viewing every account."""
    found = defaultdict(lambda: {"users": 0, "tokens": 0, "calls": 0, "percents": 0.0, "exceeded": 0})
    for user in User.objects:
        account, figures = token_accounts.view(user.id), found[user.tier]
        figures["users"] += 1
        figures["tokens"] += account.lifetime_tokens
        figures["calls"] += account.lifetime_calls
        figures["percents"] += min(100, 100 * account.used / account.limit) if account.limit else 0
        figures["exceeded"] += account.used >= account.limit > 0
    return {
        tier: (f["users"], f["tokens"], f["calls"], pytest.approx(f["percents"] / f["users"], abs=0.051), f["exceeded"])
        for tier, f in found.items()
    }


def shown_tiers(overview):
    return {
        tier.name: (tier.users, tier.tokens, tier.calls, tier.average_percent, tier.exceeded) for tier in overview.tiers
    }


def lead_a_life(random, user):
    """Some operations of every kind, also ones that are refused."""
    for _ in range(random.randrange(6)):
        tokens = random.choice([1, 700, 30_000, 100_000])
        with suppress(InsufficientTokens):
            match random.randrange(7):
                case 0:
                    token_accounts.reset(user.id, by=OPERATOR, reason="Again")
                case 1:
                    token_accounts.add_bonus(user.id, tokens, by=OPERATOR, reason="Sorry")
                case 2:
                    held = token_accounts.hold(user.id, tokens, by=OPERATOR)
                    token_accounts.settle(held.hold_id, tokens // 2, by=OPERATOR)
                case 3:
                    user_changes.set_tier(user.id, random.choice(["free", "pro", "prepaid"]), by=OPERATOR)
                case _:
                    token_accounts.spend(user.id, tokens, by=OPERATOR)


@pytest.mark.parametrize("seed", range(3))
def test_on_random_data_every_figure_equals_a_full_recount(seed, clock_hand, monkeypatch):
    monkeypatch.setattr(daily_figures, "CHUNK", 5)
    random = Random(seed)  # noqa: S311
    people = [make_user(tier=random.choice(["free", "pro", "prepaid"])) for _ in range(12)]
    for _ in range(8):
        for user in random.sample(people, 6):
            lead_a_life(random, user)
            if random.random() < 0.5:
                account_commit.copy(user.id)
        clock_hand.shift(timedelta(hours=random.randrange(100)))
        daily_figures.fold()
    copy_all()
    daily_figures.fold()
    statistics.take()
    overview = statistics.overview()
    assert used_days() == recounted_days()
    assert shown_tiers(overview) == recounted_tiers()
    assert sum(tokens for tokens, _ in used_days().values()) == overview.tokens
    assert sum(calls for _, calls in used_days().values()) == overview.calls
    kept = used_days()
    statistics.rebuild()
    assert used_days() == kept


class TestDays:
    def test_each_day_stands_there_also_where_nothing_was_used(self, clock_hand):
        ada, bob = make_user(), make_user()
        spend(ada, 30)
        clock_hand.shift(timedelta(days=2))
        spend(ada, 5)
        spend(bob, 7)
        daily_figures.fold()
        assert daily_figures.days(4) == [
            Day(date(2026, 3, 9), 0, 0),
            Day(date(2026, 3, 10), 30, 1),
            Day(date(2026, 3, 11), 0, 0),
            Day(date(2026, 3, 12), 12, 2),
        ]

    def test_before_the_first_count_there_is_nothing(self):
        spend(make_user(), 30)
        assert used_days() == {}

    def test_only_use_counts_and_a_call_that_costs_nothing_is_a_call(self):
        user = make_user()
        held = token_accounts.hold(user.id, 100, by=OPERATOR)
        token_accounts.settle(held.hold_id, 40, by=OPERATOR)
        token_accounts.release(token_accounts.hold(user.id, 100, by=OPERATOR).hold_id, by=OPERATOR)
        token_accounts.reset(user.id, by=OPERATOR, reason="Again")
        copy_all()
        daily_figures.fold()
        assert used_days() == {TODAY: (40, 1)}

    @pytest.mark.parametrize(
        ("zone", "at", "day"),
        [
            ("UTC", datetime(2026, 3, 10, 23, 59, 59, 999_000, UTC), date(2026, 3, 10)),
            ("Europe/Berlin", datetime(2026, 3, 10, 22, 59, 59, 999_000, UTC), date(2026, 3, 10)),
            ("Europe/Berlin", datetime(2026, 3, 10, 23, 0, tzinfo=UTC), date(2026, 3, 11)),
            # The clocks go forward on the 29th.
            ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, 59, 999_000, UTC), date(2026, 3, 29)),
            ("Europe/Berlin", datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
            ("America/Los_Angeles", datetime(2026, 3, 10, 6, 59, tzinfo=UTC), date(2026, 3, 9)),
        ],
    )
    def test_a_day_is_one_of_the_apps_time_zone(self, app, monkeypatch, clock_hand, zone, at, day):
        monkeypatch.setitem(app.config, "TIME_ZONE", zone)
        clock_hand.move_to(at)
        spend(make_user(), 30)
        daily_figures.fold()
        assert used_days() == {day: (30, 1)}
        assert daily_figures.days(1) == [Day(day, 30, 1)]

    def test_another_time_zone_holds_from_the_next_recount_on(self, app, monkeypatch):
        spend(make_user(), 30)
        daily_figures.fold()
        monkeypatch.setitem(app.config, "TIME_ZONE", "Pacific/Auckland")
        spend(make_user(), 5)
        daily_figures.fold()
        assert used_days() == {TODAY: (35, 2)}
        daily_figures.rebuild()
        assert used_days() == {TODAY + timedelta(days=1): (35, 2)}


class TestFolding:
    def test_each_entry_counts_once_however_often_it_is_folded(self):
        user = make_user()
        for _ in range(3):
            spend(user, 10)
            daily_figures.fold()
            daily_figures.fold()
        assert used_days() == {TODAY: (30, 3)}

    def test_what_has_not_reached_the_ledger_counts_when_it_has(self):
        user = make_user()
        spend(user, 10)
        spend(user, 5, copied=False)
        daily_figures.fold()
        assert used_days() == {TODAY: (10, 1)}
        copy_all()
        daily_figures.fold()
        assert used_days() == {TODAY: (15, 2)}

    def test_a_counted_account_is_off_the_list_until_it_has_more(self, statements):
        user = make_user()
        spend(user, 10)
        assert "count_at" in get_db().token_accounts.find_one()
        daily_figures.fold()
        assert "count_at" not in get_db().token_accounts.find_one()
        statements.said.clear()
        daily_figures.fold()
        assert statements.said == ["find fold_states", "find token_accounts"]
        spend(user, 10)
        assert "count_at" in get_db().token_accounts.find_one()

    def test_what_is_copied_while_its_account_is_counted_is_counted_next(self, statements):
        user = make_user()
        daily_figures.fold()
        spend(user, 10)
        with statements.meanwhile("aggregate ledger_entries", lambda: spend(user, 5)) as fate:
            daily_figures.fold()
        assert fate.happened
        assert used_days() == {TODAY: (15, 2)}
        assert "count_at" not in get_db().token_accounts.find_one()

    @pytest.mark.parametrize("after", [False, True], ids=["before it is said", "after it was done"])
    def test_a_process_that_dies_at_any_statement_leaves_each_entry_counted_once(
        self, statements, after, monkeypatch, clock_hand
    ):
        monkeypatch.setattr(daily_figures, "CHUNK", 2)
        people = [make_user() for _ in range(3)]
        total, deaths = 0, 0
        for at in range(1, 100):
            for user in people:
                spend(user, 10)
            total += 30
            with statements.dying(at, after=after) as fate:
                daily_figures.fold()
            deaths += fate.happened
            clock_hand.shift(timedelta(minutes=1))
            daily_figures.fold()
            assert used_days() == recounted_days() == {TODAY: (total, total // 10)}
            if not fate.happened:
                break
        # Two batches: read the state, the accounts, the ledger; write the batch, its days, its marks, and that it is done.
        assert deaths >= 14

    @pytest.mark.parametrize("after", [False, True], ids=["before it is said", "after it was done"])
    def test_a_recount_that_dies_at_any_statement_is_finished_by_the_worker(self, statements, after, monkeypatch):
        monkeypatch.setattr(daily_figures, "CHUNK", 2)
        people = [make_user() for _ in range(3)]
        total = 0
        for at in range(1, 100):
            for user in people:
                spend(user, 10)
            total += 30
            with statements.dying(at, after=after) as fate:
                daily_figures.rebuild()
            daily_figures.fold()
            assert used_days() == {TODAY: (total, total // 10)}
            if not fate.happened:
                break
        assert at > 20

    def test_a_batch_that_everybody_adds_at_once_is_added_once(self, threads, statements):
        people = [make_user() for _ in range(5)]
        daily_figures.fold()
        for user in people:
            spend(user, 10)
        # The fourth statement writes the batch: read state, accounts, ledger; write the batch.
        with statements.dying(4, after=True) as fate:
            daily_figures.fold()
        assert fate.happened
        assert "pending" in get_db().fold_states.find_one()
        assert used_days() == {}
        assert threads(lambda _: daily_figures.fold(), 8) == [None] * 8
        assert used_days() == {TODAY: (50, 5)}

    def test_one_who_held_a_batch_for_long_adds_nothing_again(self, statements):
        user = make_user()
        daily_figures.fold()
        spend(user, 10)

        def others_go_on():
            for _ in range(2):
                daily_figures.fold()
                spend(user, 5)

        with statements.meanwhile("update daily_figures", others_go_on) as fate:
            daily_figures.fold()
        assert fate.happened
        daily_figures.fold()
        assert used_days() == recounted_days() == {TODAY: (20, 3)}

    def test_while_many_spend_and_many_count_nothing_is_lost_or_doubled(self, threads, monkeypatch):
        monkeypatch.setattr(daily_figures, "CHUNK", 3)
        people = [make_user() for _ in range(10)]

        def work(i):
            random = Random(i)  # noqa: S311
            for _ in range(15):
                if i < 2:
                    daily_figures.fold()
                elif i == 2:
                    daily_figures.rebuild()
                else:
                    spend(random.choice(people), random.randrange(1, 100))

        assert threads(work, 7) == [None] * 7
        copy_all()
        daily_figures.fold()
        assert used_days() == recounted_days()
        assert sum(calls for _, calls in used_days().values()) == 4 * 15


class TestRecounting:
    def test_it_finds_what_was_put_there_without_being_marked(self):
        people = [make_user() for _ in range(3)]
        daily_figures.fold()
        for user in people:
            spend(user, 10)
        get_db().token_accounts.update_many({}, {"$unset": {"count_at": ""}})
        daily_figures.fold()
        assert used_days() == {}
        daily_figures.rebuild()
        assert used_days() == {TODAY: (30, 3)}

    def test_it_mends_wrong_figures(self):
        spend(make_user(), 10)
        daily_figures.fold()
        get_db().daily_figures.update_many({}, {"$inc": {"tokens": 7}})
        assert used_days() == {TODAY: (17, 1)}
        daily_figures.rebuild()
        assert used_days() == {TODAY: (10, 1)}

    def test_until_it_is_finished_the_figures_before_are_shown(self, monkeypatch):
        monkeypatch.setattr(daily_figures, "CHUNK", 2)
        for _ in range(5):
            spend(make_user(), 10)
        daily_figures.fold()
        seen = []
        daily_figures.rebuild(lambda more: seen.append((more, used_days())))
        assert [days for _, days in seen] == [{TODAY: (50, 5)}] * len(seen)
        assert sum(more for more, _ in seen) == 5
        assert [more for more, _ in seen if more] == [2, 2, 1]

    def test_only_the_figures_shown_and_those_before_are_kept(self):
        spend(make_user(), 10)
        daily_figures.fold()
        for _ in range(3):
            daily_figures.rebuild()
        assert sorted(days["_id"]["generation"] for days in get_db().daily_figures.find()) == [3, 4]


class TestAccounts:
    def test_a_lapsed_period_counts_as_nothing_used(self, clock_hand):
        early, late = make_user(), make_user()
        spend(early, 100_000)
        clock_hand.shift(timedelta(days=1))
        spend(late, 50_000)
        statistics.take()
        assert shown_tiers(statistics.overview())["free"] == (2, 150_000, 2, 75.0, 1)
        assert [(one.used, one.calls) for one in statistics.overview().top] == [(100_000, 1), (50_000, 1)]
        clock_hand.shift(timedelta(days=6))
        statistics.take()
        assert shown_tiers(statistics.overview())["free"] == (2, 150_000, 2, 25.0, 0)
        assert [(one.id, one.used) for one in statistics.overview().top] == [(late.id, 50_000)]

    def test_a_period_ends_at_its_last_moment_and_not_before(self, clock_hand):
        spend(make_user(), 100_000)
        clock_hand.shift(timedelta(days=7, milliseconds=-1))
        statistics.take()
        assert shown_tiers(statistics.overview())["free"][3:] == (100.0, 1)
        clock_hand.shift(timedelta(milliseconds=1))
        statistics.take()
        assert shown_tiers(statistics.overview())["free"][3:] == (0.0, 0)

    def test_users_count_from_the_first_day_and_every_tier_of_the_settings_has_a_row(self):
        make_user()
        make_user(tier="prepaid")
        user = make_user()
        spend(user, 50_000)
        statistics.take()
        overview = statistics.overview()
        assert shown_tiers(overview) == {
            "free": (2, 50_000, 1, 25.0, 0),
            "pro": (0, 0, 0, 0.0, 0),
            "prepaid": (1, 0, 0, 0.0, 0),
        }
        assert (overview.tokens, overview.calls, overview.average, overview.active_users) == (50_000, 1, 50_000, 1)

    def test_without_any_calls_the_average_is_nothing(self):
        statistics.take()
        assert (statistics.overview().average, statistics.overview().top) == (0, [])

    def test_who_spent_in_the_last_30_days_is_active(self, clock_hand):
        early, late = make_user(), make_user()
        spend(early, 10)
        clock_hand.shift(timedelta(days=30))
        spend(late, 10)
        statistics.take()
        assert statistics.overview().active_users == 2
        clock_hand.shift(timedelta(milliseconds=1))
        statistics.take()
        assert statistics.overview().active_users == 1

    def test_more_used_than_a_lowered_limit_is_all_of_it(self):
        user = make_user(tier="pro")
        spend(user, 500_000)
        user_changes.set_tier(user.id, "free", by=OPERATOR)
        statistics.take()
        assert shown_tiers(statistics.overview())["free"] == (1, 500_000, 1, 100.0, 1)

    def test_the_ten_who_used_most_stand_on_top_the_older_first_among_equals(self):
        people = [make_user(name=f"User {n}") for n in range(12)]
        for n, user in enumerate(people):
            spend(user, 10 if n < 3 else 100 + n)
        statistics.take()
        top = statistics.overview().top
        assert [one.name for one in top] == [f"User {n}" for n in (11, 10, 9, 8, 7, 6, 5, 4, 3, 0)]

    def test_who_has_no_name_is_called_by_what_stands_before_the_at(self):
        user = make_user("power_user@example.com", tier="pro")
        spend(user, 10)
        statistics.take()
        (one,) = statistics.overview().top
        assert (one.id, one.name, one.tier) == (user.id, "power_user", "pro")


class TestTaking:
    def test_where_it_never_was_taken_nobody_looks_at_every_account_to_answer(self, statements):
        with pytest.raises(FiguresNotTaken):
            statistics.overview()
        assert statements.said == ["find statistics"]

    def test_it_is_kept_for_a_minute(self, clock_hand):
        user = make_user()
        spend(user, 10)
        statistics.keep_up()
        spend(user, 10)
        clock_hand.shift(timedelta(seconds=59))
        statistics.keep_up()
        assert (statistics.overview().tokens, statistics.overview().taken_at) == (10, START)
        clock_hand.shift(timedelta(seconds=1))
        statistics.keep_up()
        assert (statistics.overview().tokens, statistics.overview().taken_at) == (20, clock.now())

    def test_what_takes_long_is_taken_more_seldom(self, monkeypatch):
        monkeypatch.setattr(kept_figures, "time", SimpleNamespace(monotonic=iter([100, 104]).__next__))
        statistics.take()
        assert get_db().statistics.find_one()["due_at"] == START + timedelta(seconds=4 * 50)

    def test_one_worker_takes_it_at_a_time(self, threads, statements):
        threads(lambda _: statistics.keep_up(), 6)
        assert statements.said.count("aggregate users") == 1

    def test_after_a_worker_that_died_the_next_takes_it_when_the_lease_is_over(self, statements, clock_hand):
        daily_figures.fold()
        spend(make_user(), 10)
        daily_figures.fold()
        with statements.dying(4, after=False) as fate:
            statistics.keep_up()
        assert (fate.happened, statements.said[-1]) == (True, "aggregate token_accounts")
        statistics.keep_up()
        assert "taken_at" not in get_db().statistics.find_one()
        clock_hand.shift(kept_figures.LEASE)
        statistics.keep_up()
        assert get_db().statistics.find_one()["taken_at"] == clock.now()

    def test_while_the_first_is_taken_or_has_died_there_is_none(self, statements):
        daily_figures.fold()
        with statements.dying(4, after=False) as fate:
            statistics.keep_up()
        assert fate.happened
        with pytest.raises(FiguresNotTaken):
            statistics.overview()

    def test_a_page_reads_one_document_and_the_names(self, statements):
        spend(make_user(), 10)
        statistics.take()
        statements.said.clear()
        statistics.overview()
        assert statements.said == ["find statistics", "find users"]

    def test_a_recount_takes_it_anew(self):
        user = make_user()
        statistics.take()
        spend(user, 10)
        statistics.rebuild()
        assert statistics.overview().tokens == 10
        assert used_days() == {TODAY: (10, 1)}
