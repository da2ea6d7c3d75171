"""Requests of before `wakes_at` get it, and indexes that nothing uses any more go."""

from datetime import UTC, datetime, timedelta

import pytest

from app import db
from app.migrations import m2026_11_21_requests_wake as migration
from app.models.token_request import TokenRequest
from app.services import expiry, review
from tests.factories import OPERATOR, actor_of, make_request, make_user
from tests.steps import make_rita

DAY = timedelta(days=1)


@pytest.fixture
def requests():
    return TokenRequest._get_collection()


@pytest.fixture
def old(requests):
    """`old(days)` makes a request as it was stored before, that has waited so long."""

    def make(days=0):
        token_request = make_request()
        since = datetime.now(UTC).replace(microsecond=0) - days * DAY
        requests.update_one({"_id": token_request.id}, {"$unset": {"wakes_at": ""}, "$set": {"waiting_since": since}})
        return token_request, since

    return make


def wakes_at(token_request):
    return TokenRequest._get_collection().find_one({"_id": token_request.id}).get("wakes_at")


@pytest.mark.parametrize("days", [0, 10, 29, 400])
def test_what_is_open_wakes_at_its_first_moment(old, days):
    token_request, since = old(days)
    migration.run()
    # What has passed already is told, or done, on the worker's first round.
    assert wakes_at(token_request) == since + 7 * DAY


def test_the_worker_then_ends_what_has_waited_too_long(old):
    (long_ago, _), (lately, _) = old(400), old(1)
    migration.run()
    assert expiry.wake_due() == 1
    statuses = [TokenRequest.objects.get(id=one.id).status for one in (long_ago, lately)]
    assert statuses == ["expired", "pending"]


def test_a_question_that_was_asked_wakes_as_well(old, requests):
    token_request, since = old()
    requests.update_one({"_id": token_request.id}, {"$set": {"status": "needs_info"}})
    migration.run()
    assert wakes_at(token_request) == since + 7 * DAY


def test_what_is_decided_sleeps(requests):
    decided = [
        review.approve(make_request(), by=make_rita()),
        review.mark_spam(make_request(), by=OPERATOR),
        review.withdraw(make_request(owner := make_user()), by=actor_of(owner)),
    ]
    migration.run()
    assert [wakes_at(one) for one in decided] == [None, None, None]


def test_running_it_twice_changes_nothing_more(old, requests, monkeypatch):
    monkeypatch.setattr(migration, "BATCH", 2)
    asked = [old(days)[0] for days in range(5)]
    new = make_request()
    requests.update_one({"_id": new.id}, {"$set": {"wakes_at": datetime(2030, 1, 1, tzinfo=UTC)}})
    migration.run()
    assert all(wakes_at(one) for one in asked)
    once = list(requests.find())
    migration.run()
    assert list(requests.find()) == once
    assert wakes_at(new) == datetime(2030, 1, 1, tzinfo=UTC)


def test_two_at_once_are_as_one(old, threads):
    asked = [old(days) for days in range(5)]
    assert threads(lambda _: migration.run(), 3) == [None] * 3
    assert [wakes_at(one) for one, _ in asked] == [since + 7 * DAY for _, since in asked]


def test_indexes_that_nothing_uses_go_and_the_others_stay(requests):
    before = requests.index_information().keys()
    for keys in ([("status", 1), ("waiting_since", 1)], [("status", 1), ("number", -1)], [("kind", 1), ("number", -1)]):
        requests.create_index(keys)
    assert db.check() != []
    migration.run()
    migration.run()
    assert requests.index_information().keys() == before
    assert db.check() == []
