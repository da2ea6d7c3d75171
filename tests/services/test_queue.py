"""What whoever waits is told: the place in the queue, and how long decisions usually take."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.models.token_request import TokenRequest
from app.services import beta_requests, queue, review, token_requests
from tests.factories import OPERATOR, actor_of, make_request, make_user

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands, and a test may move it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def decide(clock_hand, hours, decision=review.approve):
    """A request that was decided so many hours after it was sent."""
    token_request = make_request()
    clock_hand.shift(timedelta(hours=hours))
    return decision(token_request, by=OPERATOR)


def stored_copies(token_request, count, *, number=1_000):
    """Many requests like this one, numbered from `number`, as documents: nobody needs to have sent what is only counted."""
    document = TokenRequest._get_collection().find_one({"_id": token_request.id})
    for field in ("_id", "open_key", "day_key", "wakes_at"):
        document.pop(field, None)
    copies = [{**document, "number": number + n} for n in range(count)]
    TokenRequest._get_collection().insert_many(copies)


# --- the place --------------------------------------------------------------------------------------------------------


def test_the_place_is_among_the_pending_requests_of_the_kind_that_were_sent_before():
    first, second, third = (make_request() for _ in range(3))
    user = make_user()
    joining = beta_requests.submit(user, by=actor_of(user))
    assert [queue.place(one) for one in (first, second, third, joining)] == [1, 2, 3, 1]


def test_who_is_decided_or_asked_waits_no_more_and_who_answers_has_the_old_place_again():
    user = make_user()
    first, second, third = make_request(), make_request(user), make_request()
    review.approve(first, by=OPERATOR)
    review.ask(second, by=OPERATOR, question="What for?")
    assert queue.place(third) == 1
    review.answer(second, by=actor_of(user), answer="For a talk.")
    assert (queue.place(token_requests.by_id(second.id)), queue.place(third)) == (1, 2)


def test_the_place_is_counted_to_a_bound():
    token_request = make_request()
    stored_copies(token_request, queue.MOST_AHEAD + 5)
    last = TokenRequest.objects.order_by("-number").first()
    assert queue.place(last) == queue.MOST_AHEAD + 1


# --- the usual time ---------------------------------------------------------------------------------------------------


def test_few_decisions_tell_nothing(clock_hand):
    for _ in range(queue.FEWEST_DECISIONS - 1):
        decide(clock_hand, 1)
    make_request()
    assert queue.usual_seconds("quota") is None
    decide(clock_hand, 1)
    assert queue.usual_seconds("quota") == 3600
    assert queue.usual_seconds("beta") is None


def test_the_usual_time_is_the_median_whatever_was_decided(clock_hand):
    decide(clock_hand, 1)
    decide(clock_hand, 2, review.mark_spam)
    decide(clock_hand, 3, lambda one, by: review.reject(one, by=by, response="No."))
    decide(clock_hand, 4)
    decide(clock_hand, 500)
    assert queue.usual_seconds("quota") == 3 * 3600


def test_a_revocation_is_no_decision_on_what_waits(clock_hand):
    revoked = [decide(clock_hand, 1) for _ in range(queue.FEWEST_DECISIONS)]
    for one in revoked:
        review.revoke(one, by=OPERATOR, reason="A mistake.")
    assert queue.usual_seconds("quota") is None


def test_only_the_last_decisions_count(clock_hand, monkeypatch):
    monkeypatch.setattr(queue, "LAST_DECISIONS", 5)
    for hours in [100] * 5 + [1] * 5:
        decide(clock_hand, hours)
    assert queue.usual_seconds("quota") == 3600


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_the_place_is_counted_in_an_index_alone():
    stored_copies(make_request(), 100)
    decided = review.approve(make_request(), by=OPERATOR)
    stored_copies(decided, 100, number=2_000)
    last = TokenRequest.objects(status="pending").order_by("-number").first()
    numbers = TokenRequest._get_collection().find(queue.ahead_of(last), {"number": 1, "_id": 0})
    found = numbers.hint(queue.BY_STATUS).explain()["executionStats"]
    assert (found["nReturned"], found["totalDocsExamined"]) == (100, 0)
    assert found["totalKeysExamined"] <= 101


def test_the_last_decisions_are_read_from_an_index_alone(clock_hand):
    stored_copies(decide(clock_hand, 1), 200)
    found = queue.last_decisions("quota").explain()["executionStats"]
    assert (found["nReturned"], found["totalDocsExamined"]) == (queue.LAST_DECISIONS, 0)
    assert found["totalKeysExamined"] <= queue.LAST_DECISIONS + 1
