"""One decision on many listing requests through the API, as reviewers' programs send and expect it."""

from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.catalogue_token import CatalogueToken
from app.models.review_batch import ReviewBatch
from app.models.token_request import ListingRequest, TokenRequest
from app.routes.api import admin_listing_batches
from app.services import review, review_batches
from tests.factories import OPERATOR, bearer, make_admin, make_request, make_user, sign_in
from tests.guards.routes import everything
from tests.steps import make_listing

PATH = "/api/admin/listing-requests/bulk-action"


@pytest.fixture
def rita():
    return make_user("rita@example.com", name="Rita", roles=["reviewer"])


@pytest.fixture
def reviewer(client, rita):
    return sign_in(client, rita)


@pytest.fixture
def three():
    """The numbers of two open requests, and of one that an operator has rejected."""
    made = [make_listing(contract_address=None, decimals=None) for _ in range(3)]
    review.reject(made[2], by=OPERATOR)
    return [one.number for one in made]


def test_a_decision_is_as_its_clients_know_it(reviewer, three):
    body = {"action": "reject", "request_ids": three, "admin_notes": "Spam", "response": None, "dry_run": False}
    response = reviewer.post(PATH, json=body)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json == {
        "success": True,
        "message": "2 updated, 1 skipped",
        "done": three[:2],
        "skipped": [{"id": three[2], "reason": "already_decided"}],
        "left": [],
    }
    for number in three[:2]:
        found = ListingRequest.objects.get(number=number)
        assert (found.status, found.notes[-1]["text"], found.decision["by"]["name"]) == ("rejected", "Spam", "Rita")


def test_a_dry_run_says_the_same_and_does_nothing(reviewer, three):
    before = everything()
    body = {"action": "approve", "request_ids": [*three, 999], "dry_run": True}
    response = reviewer.post(PATH, json=body)
    assert (response.status_code, response.json["message"]) == (200, "2 would be updated, 2 skipped")
    told = {name: response.json[name] for name in ("done", "skipped", "left")}
    assert {name: kept for name, kept in everything().items() if before.get(name) != kept} == {}
    del body["dry_run"]
    done = reviewer.post(PATH, json=body).json
    assert {name: done[name] for name in told} == told
    assert CatalogueToken.objects.count() == 2


def test_a_request_is_named_by_number_or_id_and_answered_by_number(reviewer, three):
    made = ListingRequest.objects.get(number=three[0])
    names = [str(made.id), str(three[1]), 999, "998", "f" * 24, "x", "9" * 5_000]
    found = reviewer.post(PATH, json={"action": "spam", "request_ids": names}).json
    assert found["done"] == three[:2]
    assert found["skipped"] == [{"id": one, "reason": "not_found"} for one in (999, 998, "f" * 24, "x", "9" * 5_000)]


def test_requests_of_other_kinds_and_ones_own_stay_as_they_are(reviewer, rita):
    quota, own = make_request(), make_listing(rita)
    found = reviewer.post(PATH, json={"action": "spam", "request_ids": [quota.number, own.number]}).json
    assert found["done"] == []
    assert sorted((one["id"], one["reason"]) for one in found["skipped"]) == [
        (quota.number, "not_found"),
        (own.number, "forbidden"),
    ]
    assert set(TokenRequest.objects.scalar("status")) == {"pending"}


def test_only_what_is_not_there_is_no_batch(reviewer):
    found = reviewer.post(PATH, json={"action": "spam", "request_ids": [999, "x"]})
    assert (found.status_code, found.json["message"]) == (200, "0 updated, 2 skipped")
    assert ReviewBatch.objects.count() == 0


def test_deleting_is_for_those_who_manage_users_and_only_what_was_refused_long_ago(app, reviewer, three):
    body = {"action": "delete", "request_ids": three, "admin_notes": "Tidying up"}
    assert reviewer.post(PATH, json=body).json["code"] == "forbidden"
    admin = make_admin()
    found = sign_in(app.test_client(), admin).post(PATH, json=body).json
    reasons = ["not_deletable", "not_deletable", "too_early"]
    assert [one["reason"] for one in found["skipped"]] == reasons
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        found = sign_in(app.test_client(), admin).post(PATH, json=body).json
    assert (found["done"], ListingRequest.objects(number=three[2]).first()) == ([three[2]], None)


def test_what_there_is_no_time_for_is_left_to_the_worker(reviewer, three, monkeypatch):
    monkeypatch.setattr(admin_listing_batches, "SECONDS", -1)
    found = reviewer.post(PATH, json={"action": "spam", "request_ids": three}).json
    assert (found["done"], found["left"]) == (three[:1], three[1:])
    review_batches.resume_left()
    assert ListingRequest.objects.get(number=three[1]).status == "spam"


def test_sent_again_it_does_nothing_more(reviewer, three):
    body = {"action": "spam", "request_ids": three[:2]}
    reviewer.post(PATH, json=body)
    found = reviewer.post(PATH, json=body).json
    assert [one["reason"] for one in found["skipped"]] == ["already_decided"] * 2
    assert [len(one.history) for one in ListingRequest.objects(number__in=three[:2])] == [2, 2]


SOME = {"request_ids": [1], "action": "reject"}
WRONG = [
    ({}, {"action", "request_ids"}),
    *(({**SOME, "action": bad}, {"action"}) for bad in ("", "Reject", "reopen", None, 1, ["reject"], {"$ne": 1})),
    *(({**SOME, "request_ids": bad}, {"request_ids"}) for bad in ([], None, 1, "1", {"$in": [1]}, list(range(1, 202)))),
    *(({**SOME, "request_ids": [bad]}, {"request_ids"}) for bad in (None, 0, -1, 1.5, True, [1], {"$ne": 1})),
    *(({**SOME, "request_ids": bad}, {"request_ids"}) for bad in ([1, 1], [1, "1"], ["x", "x"], [1, 2, 1.0])),
    *(({**SOME, "admin_notes": bad}, {"admin_notes"}) for bad in ("x" * 5_001, 7, {"$ne": 1}, "bell\x07")),
    *(({**SOME, "response": bad}, {"response"}) for bad in ("x" * 501, 7, "\x1b[31m")),
    *(({**SOME, "action": action, "response": "Hello."}, {"response"}) for action in ("spam", "delete")),
    *(({**SOME, "dry_run": bad}, {"dry_run"}) for bad in (None, 1, "true", [])),
    ({**SOME, "ids": [1], "$set": {}}, {"ids", "$set"}),
]


def test_what_is_wrong_is_named_and_decides_nothing(reviewer):
    assert make_listing().number == 1
    for body, fields in WRONG:
        for more in ({}, {"dry_run": True}) if "dry_run" not in body else ({},):
            response = reviewer.post(PATH, json=body | more)
            told = {name.partition(".")[0] for name in response.json.get("errors", {})}
            assert (response.status_code, told) == (400, fields), str(body)[:200]
    assert (ListingRequest.objects.get().status, ReviewBatch.objects.count()) == ("pending", 0)


def test_only_reviewers_and_their_keys_may(app, rita, three):
    stranger, body = app.test_client(), {"action": "spam", "request_ids": three}
    assert stranger.post(PATH, json=body).status_code == 401
    assert sign_in(app.test_client(), make_user()).post(PATH, json=body).status_code == 403
    assert stranger.post(PATH, json=body, headers=bearer(rita, "self", "users.read")).status_code == 403
    assert stranger.post(PATH, json=body, headers=bearer(rita, "requests.review")).json["done"] == three[:2]
