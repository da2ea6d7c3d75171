"""The beta program on the account page: where the user stands with it, and what to do next."""

import pytest

from app.models.token_request import TokenRequest
from app.services import beta_requests, review
from tests.factories import actor_of, make_admin, make_user, sign_in
from tests.page_client import text_of

INVITATION, AGAIN = "extra tokens for it that do not expire", "Ask again to join"
# What brings a request to where it stands, what the page says then, and whether asking again is possible, also with BETA_REAPPLY.
STANDINGS = {
    "pending": (lambda one, by, owner: one, "is being reviewed", False, False),
    "asked": (lambda one, by, owner: review.ask(one, by=by, question="Why?"), "Answer the question", False, False),
    "approved": (lambda one, by, owner: review.approve(one, by=by, granted=250), "granted 250 tokens", False, False),
    "rejected": (lambda one, by, owner: review.reject(one, by=by), "was not approved", False, True),
    "spam": (lambda one, by, owner: review.mark_spam(one, by=by), "was not approved", False, False),
    "revoked": (
        lambda one, by, owner: review.revoke(review.approve(one, by=by), by=by, reason="No."),
        "was taken back",
        False,
        True,
    ),
    "withdrawn": (lambda one, by, owner: review.withdraw(one, by=owner), INVITATION, True, True),
    "expired": (lambda one, by, owner: review.expire(one), INVITATION, True, True),
}


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def test_who_has_not_asked_is_invited(client):
    page = client.get("/account")
    assert INVITATION in page.text
    assert 'href="/requests/new?kind=beta">Join the beta program' in page.text


@pytest.mark.parametrize("reapply", [False, True])
@pytest.mark.parametrize("standing", STANDINGS)
def test_each_standing_is_told_with_the_way_on(app, monkeypatch, client, user, standing, reapply):
    monkeypatch.setitem(app.config, "BETA_REAPPLY", reapply)
    way, said, *again = STANDINGS[standing]
    by = actor_of(make_admin(name="Rita"))
    token_request = way(beta_requests.submit(user, by=actor_of(user)), by, actor_of(user))
    text = text_of(client.get("/account"))
    assert said in text
    assert (AGAIN in text) is again[reapply]
    assert beta_requests.standing(user).may_ask is beta_requests.can_submit(user).can_request is again[reapply]
    assert f'href="/requests/{token_request.number}"' in client.get("/account").text
    assert "Rita" not in text


def test_a_request_that_has_the_place_counts_before_a_newer_one(app, monkeypatch, user):
    monkeypatch.setitem(app.config, "BETA_REAPPLY", True)
    adam, owner = actor_of(make_admin()), actor_of(user)
    first = review.reject(beta_requests.submit(user, by=owner), by=adam)
    review.withdraw(beta_requests.submit(user, by=owner), by=owner)
    review.reopen(first, by=adam, note="Another look")
    standing = beta_requests.standing(user)
    assert (standing.request.number, standing.may_ask) == (first.number, False)
    assert TokenRequest.objects.count() == 2
