"""Usage by day: counted once through crashes, races and recounts."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
import time_machine
from mongoengine.connection import get_db

from app.services import daily_figures, token_accounts
from app.services.daily_figures import Day
from tests.factories import OPERATOR, make_user
from tests.usage import START, TODAY, copy_all, recounted_days, spend, used_days


@pytest.fixture(autouse=True)
def clock_hand():
    """A clock that stands, at noon; a test may move it on."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


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
