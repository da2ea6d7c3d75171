"""What reviewers write for each other never reaches the requester, by whatever way the requester looks."""

import pytest

from app.models.domain_error import Forbidden
from app.models.notification import Notification
from app.models.token_request import Status, TokenRequest
from app.services import beta_requests, review
from app.services.users import get
from tests.factories import actor_of, bearer, make_request, make_user, sign_in
from tests.guards.routes import World, call, routes
from tests.steps import make_rita

MARKER = "NEVER-FOR-THE-REQUESTER"


def submitted(kind, owner):
    if kind == "quota":
        return make_request(owner)
    return beta_requests.submit(owner, by=actor_of(owner))


def reopened(token_request, rita):
    """Refused and taken back, with words that are for reviewers."""
    return review.reopen(review.reject(token_request, by=rita, response="No."), by=rita, note=f"{MARKER} reopened")


# How a request comes to the status in which the owner looks at it.
ENDS = {
    Status.PENDING: lambda one, rita, owner: one,
    Status.NEEDS_INFO: lambda one, rita, owner: review.ask(one, by=rita, question="Why?"),
    Status.APPROVED: lambda one, rita, owner: review.approve(one, by=rita),
    Status.REJECTED: lambda one, rita, owner: review.reject(one, by=rita, response="No."),
    Status.SPAM: lambda one, rita, owner: review.mark_spam(one, by=rita),
    Status.WITHDRAWN: lambda one, rita, owner: review.withdraw(one, by=owner),
    Status.EXPIRED: lambda one, rita, owner: review.expire(one),
    Status.REVOKED: lambda one, rita, owner: review.revoke(review.approve(one, by=rita), by=rita, reason="No."),
}


@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize("kind", ["quota", "beta"])
def test_no_answer_that_the_owner_can_get_holds_a_note(app, kind, status):
    owner, rita = make_user("olga@example.com"), make_rita()
    token_request = reopened(submitted(kind, owner), rita)
    token_request = review.add_note(token_request, by=rita, text=f"{MARKER} while pending")
    token_request = ENDS[status](token_request, rita, actor_of(owner))
    review.add_note(token_request, by=rita, text=f"{MARKER} afterwards")
    stored = TokenRequest.objects.get(id=token_request.id)
    assert (stored.status, len(stored.notes)) == (status, 3)

    named = World().named | {"number": stored.number, "reference": stored.number}
    # What writes comes last: it may well withdraw the request.
    reachable = sorted((one for one in routes(app) if not one.access.permissions), key=lambda one: one.writes)
    told = [call(app, sign_in(app.test_client(), owner), route, named) for route in reachable]
    by_key = [route for route in reachable if route.is_api]
    told += [call(app, app.test_client(), route, named, headers=bearer(owner, "self")) for route in by_key]
    assert any(f"#{stored.number}" in answer.text for answer in told)
    assert [answer.request.path for answer in told if MARKER in answer.text] == []
    assert MARKER not in str([one.to_mongo() for one in Notification.objects(user=owner.id)])


@pytest.mark.parametrize("kind", ["quota", "beta"])
def test_an_owner_who_reviews_meets_no_note_on_their_own_request(app, kind):
    """Whoever decides on others is a requester like any other where the request is theirs."""
    owner, rita = make_user("olga@example.com", roles=["reviewer"]), make_rita()
    token_request = review.add_note(reopened(submitted(kind, owner), rita), by=rita, text=f"{MARKER} while pending")
    named = World().named | {"number": token_request.number, "reference": token_request.number}
    client = sign_in(app.test_client(), get(owner.id))
    reading = [one for one in routes(app) if not one.writes]
    told = [call(app, client, route, named) for route in reading]
    told += [call(app, app.test_client(), one, named, headers=bearer(owner, "self")) for one in reading if one.is_api]
    assert any(answer.request.path.startswith("/admin/requests/") and answer.status_code == 200 for answer in told)
    assert [answer.request.path for answer in told if MARKER in answer.text] == []
    assert "Keep the note" not in client.get(f"/admin/requests/{token_request.number}").text


def test_an_owner_who_reviews_writes_no_note_on_their_own_request():
    owner = make_user(roles=["reviewer"])
    token_request = make_request(owner)
    with pytest.raises(Forbidden):
        review.add_note(token_request, by=actor_of(owner), text="Mine")
    assert TokenRequest.objects.get(id=token_request.id).notes == []
