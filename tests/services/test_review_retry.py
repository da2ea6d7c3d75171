"""Trying once more what follows from a decision and could not be done: who may, and the trail that it leaves."""

import pytest

from app.models.audit_event import AuditEvent
from app.models.domain_error import Forbidden
from app.models.due_item import due_item
from app.models.token_request import TokenRequest
from app.services import review
from tests.effects import stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request


@pytest.fixture
def adam():
    return actor_of(make_admin(name="Adam"))


@pytest.fixture
def token_request():
    return make_request(used=70)


def make_due(token_request, *, verb="users.note_tokens", failed="It broke."):
    item = due_item("stuck", verb, at=token_request.submitted_at, user=token_request.user)
    TokenRequest._get_collection().update_one(
        {"_id": token_request.id}, {"$push": {"due": item | ({"failed": failed} if failed else {})}}
    )
    token_request.reload()


def events():
    return list(AuditEvent.objects(action="request.retry").order_by("id"))


@pytest.mark.parametrize("verb", ["users.note_tokens", "nonsense"])
def test_each_try_is_an_event_whether_it_succeeds_or_not(token_request, adam, verb):
    make_due(token_request, verb=verb)
    is_done = verb != "nonsense"
    assert review.retry(token_request, by=adam) is is_done
    [event] = events()
    assert (event.actor, event.before) == (adam.stamp(), {"failed": [verb]})
    assert event.object == {"kind": "request", "id": str(token_request.id), "number": token_request.number}
    assert [item["verb"] for item in stored(token_request)["due"]] == ([] if is_done else ["nonsense"])
    assert review.retry(token_request, by=OPERATOR) is is_done
    assert [event.actor["kind"] for event in events()] == (["user"] if is_done else ["user", "cli"])


@pytest.mark.parametrize("failed", [None, False])
def test_where_nothing_failed_there_is_nothing_to_tell(token_request, adam, failed):
    if failed is not None:
        make_due(token_request, failed=None)
    assert review.retry(token_request, by=adam) is True
    assert (events(), stored(token_request)["due"]) == ([], [])


def test_nobody_does_it_for_their_own(adam):
    own = make_request(owner := make_admin(), used=70)
    make_due(own)
    with pytest.raises(Forbidden):
        review.retry(own, by=actor_of(owner))
    assert (events(), len(stored(own)["due"])) == ([], 1)


def test_twenty_at_once_leave_one_event(token_request, adam, threads):
    make_due(token_request)
    threads(lambda _: review.retry(token_request, by=adam), 20)
    assert (len(events()), stored(token_request)["due"]) == (1, [])
