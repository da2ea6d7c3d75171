"""Deciding quota requests through the API, as existing clients send and expect it."""

import re
from contextlib import contextmanager

import pytest
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.token_request import Status, TokenRequest
from app.models.user import User
from app.services import review, token_accounts
from tests.bad_texts import BLANK
from tests.factories import OPERATOR, actor_of, bearer, make_admin, make_request, make_user, sign_in

PATH = "/api/admin/token-requests"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NO_REQUESTS = ["0", "999", "9" * 15, "9" * 16, "9223372036854775808", "-1", "1.0", "٣", "abc", "f" * 24, "F" * 24]
NO_REQUESTS += ["$ne", "{}", "%20", "my-requests", "..%2f1"]


@pytest.fixture
def reviewer():
    return make_user(roles=["reviewer"], name="Bob")


@pytest.fixture
def client(client, reviewer):
    return sign_in(client, reviewer)


def put(client, token_request, decision, body=None, **options):
    reference = getattr(token_request, "number", token_request)
    return client.put(f"{PATH}/{reference}/{decision}", json=body, **options)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_requests_are_listed_with_who_asks_and_who_decided(client, reviewer):
    ada = make_user("ada@example.com", name="Ada")
    User.objects(id=ada.id).update(picture_url="https://example.com/ada.png")
    pending = make_request(ada, used=100, reason="More, please.")
    rejected = review.reject(make_request(make_user("ben@example.com")), by=actor_of(reviewer), response="No.")
    response = client.get(PATH)
    assert response.status_code == 200
    assert response.headers["X-Total-Count"] == "2"
    assert "Link" not in response.headers
    second, first = response.json
    assert first == {
        "_id": str(pending.id),
        "number": pending.number,
        "userId": {
            "_id": str(ada.id),
            "name": "Ada",
            "email": "ada@example.com",
            "profilePicture": "https://example.com/ada.png",
        },
        "status": "pending",
        "reason": "More, please.",
        "requestedAt": first["requestedAt"],
        "adminResponse": None,
        "processedBy": None,
        "processedAt": None,
        "currentUsage": {"tokenCount": 100, "requestCount": 1},
    }
    assert second["number"] == rejected.number
    assert second["userId"]["name"] == "ben"
    assert second["userId"]["profilePicture"] is None
    assert second["processedBy"] == {"name": "Bob", "email": reviewer.email}
    assert second["adminResponse"] == "No."
    assert INSTANT.fullmatch(second["requestedAt"])
    assert INSTANT.fullmatch(second["processedAt"])


def test_an_operator_who_decided_has_no_email(client):
    review.approve(make_request(), by=OPERATOR)
    assert client.get(PATH).json[0]["processedBy"] == {"name": "The tests", "email": None}


def test_the_pages_of_a_list_lead_to_all_of_it(client, reviewer):
    numbers = [make_request().number for _ in range(7)]
    review.reject(TokenRequest.objects.get(number=numbers[3]), by=actor_of(reviewer), response="No.")
    url, pages = f"{PATH}?status=pending&limit=2&cursor=", []
    while url:
        response = client.get(url)
        assert response.headers["X-Total-Count"] == "6"
        pages.append([one["number"] for one in response.json])
        found = re.fullmatch(r'<http://localhost(/[^>]+)>; rel="next"', response.headers.get("Link", ""))
        url = found[1] if found else None
    assert pages == [[7, 6], [5, 3], [2, 1]]


def test_other_kinds_stand_in_lists_of_their_own(client):
    other = make_request()
    TokenRequest._get_collection().update_one({"_id": other.id}, {"$set": {"kind": "beta"}})
    mine = make_request()
    assert [one["number"] for one in client.get(PATH).json] == [mine.number]
    assert client.get(PATH).headers["X-Total-Count"] == "1"
    assert client.get(f"{PATH}/stats").json["total"] == 1
    assert put(client, other, "approve").status_code == 404


@pytest.mark.parametrize("status", Status)
def test_a_status_is_a_filter(client, status):
    found = make_request()
    TokenRequest._get_collection().update_one({"_id": found.id}, {"$set": {"status": status.value}})
    assert len(client.get(f"{PATH}?status={status}").json) == 1
    other = Status.PENDING if status is not Status.PENDING else Status.APPROVED
    assert client.get(f"{PATH}?status={other}").json == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"status={value}", "status") for value in ("open", "PENDING", "pending,approved", "%24ne", "a" * 5_000)),
        *((f"limit={value}", "limit") for value in ("0", "201", "-1", "1.0", "1_0", "x", "٣", "9" * 30, "+5")),
        *((f"cursor={value}", "cursor") for value in ("-1", "x", "1e3", "9" * 30, "%20")),
        ("status[$ne]=pending", "status[$ne]"),
        ("page=2", "page"),
        ("limit=1&limit=2", "limit"),
    ],
)
def test_other_filters_are_refused(client, query, field):
    response = client.get(f"{PATH}?{query}")
    assert (response.status_code, response.json["code"]) == (400, "invalid_input")
    assert list(response.json["errors"]) == [field]


def test_the_list_takes_one_find_and_one_for_the_people(client, reviewer, statements):
    for _ in range(5):
        review.reject(make_request(), by=actor_of(reviewer), response="No.")
    statements.said.clear()
    client.get(PATH)
    told = [said for said in statements.said if "login_sessions" not in said and "rate_limit" not in said]
    assert told == ["find token_requests", "find users", "aggregate token_requests"]


@pytest.fixture
def many():
    """Enough requests of two kinds that reading too many of them shows."""
    reason = {"reason": "Why.", "usage": {"token_count": 1, "request_count": 1}, "version": 1, "history": []}
    TokenRequest._get_collection().insert_many(
        {
            "_cls": "TokenRequest.QuotaRequest",
            "number": n,
            "kind": ("quota", "beta")[n % 2],
            "user": ObjectId(),
            "status": ("pending", "rejected")[n % 3 == 0],
            "submitted_at": clock.now(),
            **reason,
        }
        for n in range(1, 2_001)
    )


@contextmanager
def profiled():
    """Collects what the database says of each read of token requests: how much it looked at, and how."""
    database, reads = get_db(), []
    database.command("profile", 2)
    try:
        yield reads
    finally:
        database.command("profile", 0)
        reads += database["system.profile"].find({"ns": f"{database.name}.token_requests"})
        database["system.profile"].drop()


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    "query", ["", "?status=pending", "?status=rejected&limit=200", "?cursor=1000", "?status=pending&cursor=20&limit=2"]
)
def test_the_list_reads_only_what_it_shows(client, query):
    with profiled() as reads:
        assert client.get(PATH + query).json
    (read,) = (read for read in reads if "find" in read["command"])
    assert read["planSummary"].startswith("IXSCAN")
    assert not read.get("hasSortStage")
    assert read["docsExamined"] <= 20 * read["nreturned"]
    assert read["keysExamined"] <= 200 * read["nreturned"]


@pytest.mark.usefixtures("many")
def test_ones_own_list_reads_only_what_it_shows(client, reviewer):
    TokenRequest._get_collection().update_many({"number": {"$gt": 100}}, {"$set": {"user": reviewer.id}})
    with profiled() as reads:
        assert len(client.get("/api/token-requests/my-requests").json) == 10
    (read,) = reads
    assert (read["docsExamined"] <= 20, read["nreturned"]) == (True, 10)


@pytest.mark.usefixtures("many")
def test_counting_reads_no_document(client):
    with profiled() as reads:
        assert client.get(f"{PATH}/stats").json["total"] == 1_000
        assert client.get(f"{PATH}?limit=1&status=pending").headers["X-Total-Count"] == "667"
    counts = [read for read in reads if "aggregate" in read["command"]]
    # Each status is counted by itself, and then the list.
    assert len(counts) == len(Status) + 1
    assert {read["docsExamined"] for read in counts} == {0}


# --- approving --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, {}, {"adminResponse": None}, {"adminResponse": ""}])
def test_an_approval_resets_the_limit(client, reviewer, body):
    token_request = make_request(used=100_000)
    response = put(client, token_request, "approve", body)
    assert response.status_code == 200
    (processed_at,) = INSTANT.findall(response.text.split("processedAt")[1])[:1]
    assert response.json == {
        "message": "Request approved and user limits reset",
        "request": {
            "_id": str(token_request.id),
            "number": token_request.number,
            "userId": str(token_request.user),
            "status": "approved",
            "reason": token_request.reason,
            "requestedAt": response.json["request"]["requestedAt"],
            "adminResponse": None,
            "processedBy": {"name": "Bob", "email": reviewer.email},
            "processedAt": processed_at,
            "currentUsage": {"tokenCount": 100_000, "requestCount": 1},
        },
    }
    assert token_accounts.view(token_request.user).used == 0


def test_an_approval_needs_no_body_and_no_content_type(client):
    token_request = make_request()
    assert client.put(f"{PATH}/{token_request.number}/approve").status_code == 200


def test_a_request_may_be_named_by_its_id(client):
    token_request = make_request()
    response = client.put(f"{PATH}/{token_request.id}/approve", json={"adminResponse": " Good luck. "})
    assert response.json["request"]["number"] == token_request.number
    assert response.json["request"]["adminResponse"] == "Good luck."


@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize("reference", NO_REQUESTS)
def test_a_request_that_is_not_there_is_not_found(client, decision, reference):
    response = client.put(f"{PATH}/{reference}/{decision}", json={"adminResponse": "Well."})
    assert (response.status_code, response.json["code"]) == (404, "not_found")
    if "%2f" not in reference:
        assert response.json["message"] == "Request not found"


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_what_is_decided_stays_decided(client, decision):
    token_request = make_request()
    review.approve(token_request, by=actor_of(make_admin(name="Carol")))
    response = put(client, token_request, decision, {"adminResponse": "Well."})
    assert (response.status_code, response.json["code"]) == (400, "already_decided")
    assert response.json["message"] == response.json["error"] == "Request already processed"
    details = response.json["details"]
    assert INSTANT.fullmatch(details.pop("at"))
    assert details == {"number": token_request.number, "status": "approved", "by": "Carol"}


def test_the_same_decision_of_the_same_person_has_the_same_answer(client):
    token_request = make_request(used=500)
    answers = [put(client, token_request, "approve", {"adminResponse": "Yes."}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    assert get_db().ledger_entries.count_documents({"type": "reset"}) <= 1


def test_nobody_decides_their_own_request(client, reviewer):
    own = make_request(reviewer)
    for headers in ({}, bearer(reviewer, "requests.review")):
        response = put(client, own, "approve", headers=headers)
        assert (response.status_code, response.json["code"]) == (403, "forbidden")
    assert TokenRequest.objects.get().status == Status.PENDING


def test_two_at_once_make_one_decision(app, threads):
    reviewers = [sign_in(app.test_client(), make_user(roles=["reviewer"])) for _ in range(8)]
    token_request = make_request(used=500)
    answers = threads(
        lambda i: put(reviewers[i], token_request, ("approve", "reject")[i % 2], {"adminResponse": f"By {i}."}), 8
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7


# --- rejecting --------------------------------------------------------------------------------------------------------


def test_a_rejection_says_why(client, reviewer):
    token_request = make_request()
    response = put(client, token_request, "reject", {"adminResponse": "Please wait for Monday."})
    assert response.status_code == 200
    assert response.json["message"] == "Request rejected"
    assert response.json["request"]["status"] == "rejected"
    assert response.json["request"]["adminResponse"] == "Please wait for Monday."
    assert response.json["request"]["processedBy"] == {"name": "Bob", "email": reviewer.email}


@pytest.mark.parametrize("response", [None, 7, True, ["No."], *BLANK, "x" * 501, "bell\x07"])
def test_a_rejection_without_a_reason_is_refused(client, response):
    token_request = make_request()
    answer = put(client, token_request, "reject", {"adminResponse": response})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_input")
    assert list(answer.json["errors"]) == ["adminResponse"]
    assert TokenRequest.objects.get().status == Status.PENDING


@pytest.mark.parametrize(
    "body", [None, {}, {"admin_response": "No."}, {"response": "No."}, {"adminResponse": "No.", "version": 1}]
)
def test_a_rejection_with_other_fields_is_refused(client, body):
    assert put(client, make_request(), "reject", body).status_code == 400
    assert TokenRequest.objects.get().status == Status.PENDING


@pytest.mark.parametrize("response", [7, True, "x" * 501, {"$ne": ""}])
def test_an_approval_with_an_unusable_response_is_refused(client, response):
    answer = put(client, make_request(), "approve", {"adminResponse": response})
    assert (answer.status_code, list(answer.json["errors"])) == (400, ["adminResponse"])
    assert TokenRequest.objects.get().status == Status.PENDING


# --- counting ---------------------------------------------------------------------------------------------------------


def test_the_totals_are_of_this_kind_and_count_open_questions_as_pending(client, reviewer):
    by = actor_of(reviewer)
    make_request()
    review.ask(make_request(), by=by, question="What for?")
    review.approve(make_request(), by=by)
    for _ in range(2):
        review.reject(make_request(), by=by, response="No.")
    review.mark_spam(make_request(), by=by)
    response = client.get(f"{PATH}/stats")
    assert response.status_code == 200
    assert response.json == {"pending": 2, "approved": 1, "rejected": 2, "total": 6}


def test_without_requests_the_totals_are_zero(client):
    assert client.get(f"{PATH}/stats").json == {"pending": 0, "approved": 0, "rejected": 0, "total": 0}


# --- who may ----------------------------------------------------------------------------------------------------------

CALLS = [("GET", ""), ("GET", "/stats"), ("PUT", "/1/approve"), ("PUT", "/1/reject")]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_only_reviewers_and_their_keys_may(app, client, reviewer, method, path):
    make_request()
    body = {"json": {"adminResponse": "Well."}} if method == "PUT" else {}

    def status(caller, **options):
        return caller.open(PATH + path, method=method, **body, **options).status_code

    stranger = app.test_client()
    assert status(stranger) == 401
    assert status(stranger, headers={"Authorization": "Bearer tdk_nothing"}) == 401
    assert status(sign_in(app.test_client(), make_user(roles=["support"]))) == 403
    assert status(stranger, headers=bearer(reviewer, "self", "users.read")) == 403
    assert status(stranger, headers=bearer(reviewer, "requests.review")) == 200
