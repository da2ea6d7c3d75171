"""Figures of all accounts: against a full recount, through lapsed periods, and how often they are taken."""

from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from random import Random
from types import SimpleNamespace

import pytest
import time_machine
from mongoengine.connection import get_db

from app import clock
from app.models.domain_error import FiguresNotTaken, InsufficientTokens
from app.models.user import User
from app.services import account_commit, daily_figures, kept_figures, statistics, token_accounts, user_changes
from tests.factories import OPERATOR, make_user
from tests.usage import START, TODAY, copy_all, recounted_days, spend, used_days


@pytest.fixture(autouse=True)
def clock_hand():
    """A clock that stands, at noon; a test may move it on."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


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
