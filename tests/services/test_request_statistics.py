"""What all requests come to: against a recount in Python, and how it is kept."""

import statistics
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
import time_machine
from mongoengine.connection import get_db

from app import clock
from app.models.actor import Actor
from app.models.domain_error import FiguresNotTaken
from app.models.token_request import Status
from app.services import beta_requests, desk, kept_figures, request_statistics, review
from app.services.request_statistics import Reviewer
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
DECISIONS = {"approved": review.approve, "rejected": review.reject, "spam": review.mark_spam}


@pytest.fixture(autouse=True)
def clock_hand():
    """A clock that stands, at noon; a test may move it on."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def rita():
    return actor_of(make_admin(name="Rita"))


def ask_for_beta():
    user = make_user()
    return beta_requests.submit(user, by=actor_of(user))


def taken():
    request_statistics.take()
    return request_statistics.overview()


def figures_of(overview, kind):
    return next(one for one in overview.kinds if one.kind == kind)


def random_requests(random, how_many, clock_hand):
    """Requests of all kinds and ages, of which reviewers decided many; as documents, since they only need to be counted."""
    reviewers = [actor_of(make_admin(name=f"Reviewer {n}")) for n in range(12)] + [OPERATOR]
    model = get_db().token_requests.find_one({"number": ask_for_beta().number})
    for number in range(1_000, 1_000 + how_many):
        at = clock.now() - timedelta(hours=random.randrange(24 * 60), milliseconds=random.randrange(3_600_000))
        kind, status = random.choice(["quota", "beta", "listing"]), random.choice(list(Status))
        document = {**model, "_id": None, "number": number, "kind": kind, "status": status.value, "submitted_at": at}
        del document["_id"], document["open_key"]
        if kind == "listing":
            document["blockchain"] = random.choice(["ethereum", "base", "near"])
        if status in request_statistics.DECIDED:
            took = timedelta(milliseconds=int(10 ** random.uniform(0, 9)))
            granted = random.randrange(1, 10_000) if kind == "beta" else None
            by = random.choice(reviewers).stamp()
            document["decision"] = {"by": by, "at": clock.cut(at + took), "response": "", "granted": granted}
        get_db().token_requests.insert_one(document)


def recount(kind, zone):
    """The same figures from every document."""
    documents = list(get_db().token_requests.find({"kind": kind} if kind else {}))
    decided = [one for one in documents if one["decision"] and one["decision"]["at"] <= clock.now()]
    times = [
        (one["decision"]["at"] - one["submitted_at"]).total_seconds() for one in decided if one["status"] != "revoked"
    ]
    approved = [one for one in documents if one["status"] == "approved"]
    return {
        "statuses": Counter(one["status"] for one in documents),
        "total": len(documents),
        "rate": 100 * len(approved) / sum(one["status"] in request_statistics.DECIDED for one in documents),
        "median": statistics.median(times),
        "granted": sum(one["decision"]["granted"] or 0 for one in approved),
        "blockchains": Counter(one["blockchain"] for one in documents if "blockchain" in one),
        "listed": Counter(one["blockchain"] for one in approved if "blockchain" in one),
        "days": Counter(one["submitted_at"].astimezone(ZoneInfo(zone)).date() for one in documents),
    }


@pytest.mark.parametrize(("seed", "zone"), [(1, "UTC"), (2, "Asia/Tokyo"), (3, "America/Los_Angeles")])
def test_on_random_data_every_figure_equals_a_recount(app, monkeypatch, clock_hand, seed, zone):
    monkeypatch.setitem(app.config, "TIME_ZONE", zone)
    random_requests(Random(seed), 400, clock_hand)  # noqa: S311
    overview = taken()
    assert [one.kind for one in overview.kinds] == ["quota", "beta", "listing"]
    for one in (*overview.kinds, overview.every):
        expected = recount(one.kind, zone)
        assert one.statuses == {status.value: expected["statuses"][status] for status in Status}
        assert one.total == expected["total"]
        assert one.approval_percent == pytest.approx(expected["rate"])
        assert one.median_seconds == pytest.approx(expected["median"], rel=0.0055, abs=0.5)
        assert one.granted == (None if one.kind in ("quota", "listing") else expected["granted"])
        counted = {day.date: day.kinds[one.kind] if one.kind else day.total for day in overview.days}
        assert counted == {day: expected["days"][day] for day in counted}
    # Of all kinds, which is what the loop has ended with.
    assert {one.blockchain: one.requests for one in overview.blockchains} == expected["blockchains"]
    assert {one.blockchain: one.approved for one in overview.blockchains} == expected["listed"]
    counts = [one.requests for one in overview.blockchains]
    assert counts == sorted(counts, reverse=True)
    today = clock.now().astimezone(ZoneInfo(zone)).date()
    assert [day.date for day in overview.days] == [today - timedelta(days=back) for back in reversed(range(30))]


@pytest.mark.parametrize("since", [None, START - timedelta(days=30)], ids=["of all time", "recent"])
def test_the_most_active_reviewers_equal_a_recount(clock_hand, since):
    random_requests(Random(4), 400, clock_hand)  # noqa: S311
    decisions = [one["decision"] for one in get_db().token_requests.find({"decision": {"$ne": None}})]
    expected = Counter(one["by"]["name"] for one in decisions if since is None or one["at"] >= since)
    overview = taken()
    found = overview.reviewers if since is None else overview.recent_reviewers
    assert len(found) == 10
    assert [one.decisions for one in found] == sorted(expected.values(), reverse=True)[:10]
    assert all(expected[one.name] == one.decisions for one in found)


class TestFigures:
    def test_without_requests_there_is_nothing_to_divide_by(self):
        overview = taken()
        assert (overview.every.total, overview.every.approval_percent, overview.every.median_seconds) == (0, None, None)
        assert (overview.reviewers, overview.recent_reviewers, len(overview.days)) == ([], [], 30)

    @pytest.mark.parametrize(
        ("minutes", "median"),
        [([10], 600), ([0], 0), ([1, 60], 1_830), ([1, 2, 600], 120), ([0, 0, 0, 9_000], 0), ([5, 5, 5, 5], 300)],
    )
    def test_the_median_is_that_of_the_decided(self, rita, clock_hand, minutes, median):
        for taking in minutes:
            one = make_request()
            clock_hand.shift(timedelta(minutes=taking))
            review.approve(one, by=rita)
        make_request()
        assert figures_of(taken(), "quota").median_seconds == pytest.approx(median, rel=0.0055, abs=0.5)

    def test_a_revocation_is_a_decision_but_not_the_time_to_one(self, rita, clock_hand):
        clock_hand.shift(timedelta(minutes=10))
        one = review.approve(make_request(), by=rita)
        review.revoke(one, by=rita, reason="A mistake.")
        found = figures_of(taken(), "quota")
        assert (found.approval_percent, found.median_seconds, found.statuses["revoked"]) == (0.0, None, 1)

    def test_what_waits_or_was_taken_back_leaves_the_rate_as_it_is(self, rita):
        review.approve(make_request(), by=rita)
        make_request()
        withdrawn = make_request()
        review.withdraw(withdrawn, by=Actor("user", str(withdrawn.user), ""))
        assert taken().every.approval_percent == 100.0

    def test_credits_count_while_their_approval_stands(self, rita):
        first, second = ask_for_beta(), ask_for_beta()
        review.approve(first, by=rita, granted=70)
        second = review.approve(second, by=rita, granted=500)
        assert (figures_of(taken(), "beta").granted, figures_of(taken(), "quota").granted) == (570, None)
        review.revoke(second, by=rita, reason="A mistake.")
        assert taken().every.granted == 70

    def test_who_decided_until_30_days_ago_is_recent(self, rita, clock_hand):
        review.approve(make_request(), by=rita)
        clock_hand.shift(timedelta(days=30))
        assert taken().recent_reviewers == [Reviewer("Rita", 1)]
        clock_hand.shift(timedelta(milliseconds=1))
        assert (taken().recent_reviewers, taken().reviewers) == ([], [Reviewer("Rita", 1)])

    def test_a_reviewer_is_one_however_often_renamed(self, rita, clock_hand):
        review.approve(make_request(), by=rita)
        clock_hand.shift(timedelta(minutes=1))
        review.reject(make_request(), by=Actor("user", rita.id, "Rita R."), response="No.")
        clock_hand.shift(timedelta(minutes=1))
        review.approve(make_request(), by=OPERATOR)
        kept = taken()
        assert kept.reviewers == [Reviewer("Rita", 2), Reviewer("The tests", 1)]
        get_db().users.update_one({"name": "Rita"}, {"$set": {"name": "Dr. Rita"}})
        assert request_statistics.overview().reviewers[0] == Reviewer("Dr. Rita", 2)

    def test_a_day_ends_at_midnight_of_the_apps_zone(self, app, monkeypatch, clock_hand):
        monkeypatch.setitem(app.config, "TIME_ZONE", "Europe/Berlin")
        clock_hand.move_to(datetime(2026, 3, 10, 22, 59, 59, 999_000, UTC))
        make_request()
        clock_hand.shift(timedelta(milliseconds=1))
        make_request()
        ask_for_beta()
        assert [(day.date, day.kinds) for day in taken().days[-2:]] == [
            (date(2026, 3, 10), {"quota": 1, "beta": 0, "listing": 0}),
            (date(2026, 3, 11), {"quota": 1, "beta": 1, "listing": 0}),
        ]


class TestTotals:
    @pytest.fixture
    def some(self, rita):
        review.approve(make_request(), by=rita)
        review.approve(ask_for_beta(), by=rita)
        for _ in range(3):
            make_request()

    @pytest.mark.parametrize(
        ("kinds", "statuses", "count"),
        [
            ([], [], 5),
            (["quota"], [], 4),
            ([], [Status.APPROVED], 2),
            (["beta"], [Status.APPROVED], 1),
            (["beta", "quota"], ["approved", "pending"], 5),
            (["beta"], ["pending"], 0),
            (["other"], [], 0),
        ],
    )
    def test_a_total_is_the_one_that_was_kept(self, some, kinds, statuses, count):
        assert request_statistics.total_of(desk.Filters(kinds=kinds, statuses=statuses)) is None
        request_statistics.take()
        make_request()
        assert request_statistics.total_of(desk.Filters(kinds=kinds, statuses=statuses)) == count

    def test_who_has_just_decided_sees_it(self, some, rita):
        request_statistics.take()
        review.approve(make_request(), by=rita)
        assert request_statistics.totals("quota") == {
            **dict.fromkeys(Status, 0),
            Status.PENDING: 3,
            Status.APPROVED: 2,
        }

    def test_beyond_what_is_counted_the_kept_figure_stands(self, some, monkeypatch):
        monkeypatch.setattr(desk, "MOST_COUNTED", 3)
        # Where none is kept, it is at least so many.
        make_request()
        assert request_statistics.totals("quota")["pending"] == 3
        request_statistics.take()
        make_request()
        assert request_statistics.totals("quota")["pending"] == 4


class TestTaking:
    def test_before_the_first_time_there_are_none(self):
        make_request()
        with pytest.raises(FiguresNotTaken):
            request_statistics.overview()
        assert get_db().statistics.find_one() is None

    def test_it_is_kept_for_a_minute(self, clock_hand):
        make_request()
        request_statistics.keep_up()
        make_request()
        clock_hand.shift(timedelta(seconds=59))
        request_statistics.keep_up()
        assert (request_statistics.overview().every.total, request_statistics.overview().taken_at) == (1, START)
        clock_hand.shift(timedelta(seconds=1))
        request_statistics.keep_up()
        assert (request_statistics.overview().every.total, request_statistics.overview().taken_at) == (2, clock.now())

    def test_one_worker_takes_it_at_a_time(self, threads, statements):
        threads(lambda _: request_statistics.keep_up(), 6)
        assert statements.said.count("aggregate token_requests") == 4

    def test_after_a_worker_that_died_the_next_takes_it_when_the_lease_is_over(self, statements, clock_hand):
        make_request()
        statements.said.clear()
        with statements.dying(2, after=False) as fate:
            request_statistics.keep_up()
        assert (fate.happened, statements.said[-1]) == (True, "aggregate token_requests")
        request_statistics.keep_up()
        assert request_statistics.total_of(desk.Filters()) is None
        clock_hand.shift(kept_figures.LEASE)
        request_statistics.keep_up()
        assert request_statistics.total_of(desk.Filters()) == 1

    def test_a_page_reads_one_document_and_the_names(self, rita, statements):
        review.approve(make_request(), by=rita)
        request_statistics.take()
        statements.said.clear()
        request_statistics.overview()
        assert statements.said == ["find statistics", "find users"]
