"""Deciding many requests at once, on pages: what would happen, doing it, what has become of each."""

import re
from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId

from app import clock
from app.models.audit_event import AuditEvent
from app.models.review_batch import BatchAction, ReviewBatch
from app.models.token_request import TokenRequest
from app.services import beta_requests, canned_responses, review, review_batches, users
from app.services.review_batches import Selected
from tests.effects import effects_of, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of

PREVIEW, START = "/admin/requests/bulk/preview", "/admin/requests/bulk"


@pytest.fixture
def admin():
    return make_admin("adam@example.com", name="Adam")


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def asked():
    return [make_request(used=70, reason="For a talk"), make_request(used=70)]


def selected(*token_requests):
    return [f"{one.number}:{one.version}" for one in token_requests]


def form_of(page):
    """What the page's form to confirm would send."""
    form = re.search(r'<form[^>]* action="/admin/requests/bulk">.*?</form>', page.text, re.DOTALL)[0]
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    data = {name: value for name, value in hidden if name not in ("selected", "csrf_token")}
    return data | {"selected": [value for name, value in hidden if name == "selected"]}


def preview(client, token_requests, action="approve", **more):
    page = client.post(PREVIEW, data={"selected": selected(*token_requests), "action": action, **more})
    assert page.status_code == 200, page.text
    return page


def decide(client, token_requests, action="approve", **more):
    return client.post(START, data=form_of(preview(client, token_requests, action, **more)), follow_redirects=True)


def test_a_preview_says_what_would_happen_and_changes_nothing(client, admin, asked):
    decided = review.approve(make_request(), by=actor_of(make_admin(name="Rita")))
    own = make_request(admin)
    before = [stored(one) for one in asked]
    page = client.post(PREVIEW, data={"selected": [*selected(*asked, decided, own), "999:1"], "action": "approve"})
    text = text_of(page)
    assert "Nothing is decided yet." in text
    assert "2 of 5 would be done" in text
    assert "Approve 2 requests" in text
    assert "For a talk" in text
    assert "already Approved, by Rita" in text or "already approved, by Rita" in text
    assert "You cannot decide your own request." in text
    assert "#999" in text
    assert "Request not found" in text
    assert text.count("Would be done") == 2
    assert [stored(one) for one in asked] == before
    assert ReviewBatch.objects.count() == 0


def test_what_is_confirmed_is_done_and_shown(client, admin, asked):
    beta = beta_requests.submit(user := make_user(), by=actor_of(user))
    page = decide(client, [*asked, beta], response="Enjoy.", granted="7")
    batch = ReviewBatch.objects.get()
    assert (page.status_code, page.request.path) == (200, f"/admin/requests/bulk/{batch.id}")
    assert "3 of 3 done" in text_of(page)
    assert "All of it is done." in text_of(page)
    assert "Refresh" not in page.headers
    assert [stored(one)["status"] for one in asked] == ["approved", "approved"]
    assert stored(beta)["decision"]["granted"] == 7
    assert stored(asked[0])["decision"]["response"] == "Enjoy."
    event = AuditEvent.objects.get(action="request.approve", object__id=str(beta.id))
    assert (event.batch, event.actor["id"]) == (str(batch.id), str(admin.id))
    assert event.address
    assert event.request_id


def test_the_same_form_again_is_the_same_batch(client, asked):
    data = form_of(preview(client, asked, response="Enjoy."))
    first, second = (client.post(START, data=data) for _ in range(2))
    assert first.location == second.location
    assert effects_of(asked[0])["request.approve"] == effects_of(asked[0])["reset"] == 1
    assert client.get(first.location).text.count("row-link") == client.get(first.location).text.count("row-link") == 2


def test_a_request_that_changed_since_the_list_was_shown_is_left_alone(client, asked):
    data = form_of(preview(client, asked, "spam"))
    TokenRequest._get_collection().update_one({"_id": asked[0].id}, {"$inc": {"version": 1}})
    page = client.post(START, data=data, follow_redirects=True)
    assert "1 of 2 done" in text_of(page)
    assert "1 request was not decided. The reason stands below." in text_of(page)
    assert f"Request #{asked[0].number} has changed since you opened it." in text_of(page)
    assert [stored(one)["status"] for one in asked] == ["pending", "spam"]


def test_a_rejection_without_words_is_foretold_to_be_refused_and_can_be_seen_again(client, asked):
    page = preview(client, asked, "reject")
    assert "0 of 2 would be done" in text_of(page)
    assert "It needs a message: the user reads why." in text_of(page)
    assert not re.search(r"Reject \d+ requests</button>", page.text)
    data = form_of(page) | {"response": "Please wait."}
    assert "2 of 2 would be done" in text_of(client.post(PREVIEW, data=data))


def test_a_canned_response_is_what_is_meant_where_nothing_is_written(client, asked):
    soon = canned_responses.create(title="Soon", text="Please wait for Monday.", by=OPERATOR)
    decide(client, asked, "reject", canned=str(soon.id))
    assert stored(asked[0])["decision"]["response"] == "Please wait for Monday."


def test_deletion_is_for_those_who_manage_users(client, admin, asked):
    refused = review.mark_spam(asked[0], by=actor_of(admin))
    assert "may be deleted from" in text_of(preview(client, [refused], "delete"))
    with time_machine.travel(clock.now() + timedelta(days=31)):
        sign_in(client, admin)
        page = decide(client, [refused], "delete")
        assert "1 of 1 done" in text_of(page)
        assert stored(refused) is None
        sign_in(client, make_user(roles=["reviewer"]))
        for address in (PREVIEW, START):
            data = {"selected": selected(asked[1]), "action": "delete", "batch_id": str(ObjectId())}
            assert client.post(address, data=data).status_code == 403


def test_a_reviewer_decides_as_well(client, asked):
    sign_in(client, make_user(roles=["reviewer"]))
    assert "2 of 2 done" in text_of(decide(client, asked, "spam"))


@pytest.mark.parametrize("address", [PREVIEW, START])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"action": "approve"}, "Select at least one request."),
        ({"action": "approve", "selected": [f"{n}:1" for n in range(1, 202)]}, "Select at most 200 requests at once."),
        ({"action": "approve", "selected": ["x"]}, "That is no request. Please select again."),
        ({"action": "approve", "selected": ["1:1", "1"]}, "That is no request. Please select again."),
        ({"action": "approve", "selected": ["9999999999999:1"]}, "That is no request. Please select again."),
        ({"action": "explode", "selected": ["1:1"]}, "Not a valid choice."),
        ({"selected": ["1:1"]}, "Not a valid choice."),
    ],
)
def test_what_cannot_be_meant_leads_back_to_the_list(client, address, data, said):
    response = client.post(address, data=data, headers={"Referer": "http://localhost/admin/requests?kind=quota"})
    assert (response.status_code, response.location) == (303, "/admin/requests?kind=quota")
    assert said in text_of(client.get(response.location))
    assert ReviewBatch.objects.count() == 0


@pytest.mark.parametrize(
    ("referrer", "leads_to"),
    [
        (None, "/admin/requests"),
        ("http://evil.example/admin/requests?kind=quota", "/admin/requests"),
        ("http://localhost/admin/requests/bulk/preview", "/admin/requests"),
        ("http://localhost/admin/requests", "/admin/requests?"),
    ],
)
def test_the_way_back_is_always_the_list(client, referrer, leads_to):
    response = client.post(PREVIEW, headers={"Referer": referrer} if referrer else {})
    assert response.location.rstrip("?") == leads_to.rstrip("?")


@pytest.mark.parametrize("address", [PREVIEW, START])
@pytest.mark.parametrize("wrong", [{"response": "x" * 501}, {"granted": "many"}, {"granted": "-1"}, {"granted": "1.5"}])
def test_a_wrong_field_is_told_and_nothing_selected_is_lost(client, address, wrong, asked):
    data = {"selected": selected(*asked), "action": "approve", **wrong}
    page = client.post(address, data=data)
    assert page.status_code == 400
    assert "invalid-feedback" in page.text
    assert form_of(page)["selected"] == selected(*asked)
    assert ReviewBatch.objects.count() == 0


@pytest.mark.parametrize("many", [30, pytest.param(200, marks=pytest.mark.long)])
def test_many_are_decided_at_once(client, many):
    asked = [make_request(used=1) for _ in range(many)]
    page = decide(client, asked, "spam")
    # A slow machine leaves the last of them to the worker.
    review_batches.resume_left()
    page = client.get(page.request.path)
    assert f"{many} of {many} done" in text_of(page)
    assert TokenRequest.objects(status="spam").count() == many


def test_what_is_left_is_shown_until_it_is_done(client, admin, asked):
    batch = review_batches.start([Selected(one.number) for one in asked], BatchAction.SPAM, by=actor_of(admin))
    next(review_batches.perform(batch))
    page = client.get(f"/admin/requests/bulk/{batch.id}")
    assert "1 request is left." in text_of(page)
    assert "1 of 2 done" in text_of(page)
    assert "Waiting" in text_of(page)
    assert page.headers["Refresh"] == "3"
    page = client.post(f"/admin/requests/bulk/{batch.id}/resume", follow_redirects=True)
    assert "2 of 2 done" in text_of(page)
    assert "Refresh" not in page.headers


def test_a_batch_of_somebody_else_or_none_is_not_found(client):
    batch = review_batches.start([Selected(1)], BatchAction.SPAM, by=actor_of(make_admin()))
    for batch_id in (batch.id, "f" * 24, "x", "1"):
        assert client.get(f"/admin/requests/bulk/{batch_id}").status_code == 404
        assert client.post(f"/admin/requests/bulk/{batch_id}/resume").status_code == 404
    assert ReviewBatch.objects.get().left == 1


def test_those_who_may_not_review_see_none_of_it(client, admin, asked):
    batch = review_batches.start([Selected(asked[0].number)], BatchAction.SPAM, by=actor_of(admin))
    sign_in(client, make_user(roles=["support"]))
    for address in (PREVIEW, START, f"{START}/{batch.id}/resume"):
        assert client.post(address, data={"selected": selected(*asked), "action": "approve"}).status_code == 403
    assert client.get(f"{START}/{batch.id}").status_code == 403
    assert stored(asked[0])["status"] == "pending"


def test_a_deleted_user_is_named_so(client, asked):
    users.get(asked[0].user).delete()
    assert "A deleted user" in text_of(preview(client, asked))
