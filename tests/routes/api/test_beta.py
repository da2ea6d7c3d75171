"""Beta requests through the API, as existing clients send and expect them."""

import re

import pytest

from app.models.token_request import TokenRequest
from app.services import beta_requests, review, token_accounts, user_changes, users
from tests.factories import OPERATOR, actor_of, bearer, make_request, make_user, sign_in

ASK, LIST, APPROVE, REJECT = (
    *("/api/beta/request", "/api/admin/beta-requests"),
    *("/api/admin/beta-approve", "/api/admin/beta-reject"),
)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def ann():
    return make_user("ann@example.com", name="Ann")


@pytest.fixture
def rita():
    return make_user("rita@example.com", name="Rita", roles=["reviewer"])


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


@pytest.fixture
def reviewer(app, rita):
    return sign_in(app.test_client(), rita)


@pytest.fixture
def token_request(ann):
    return beta_requests.submit(ann, by=actor_of(ann))


def times_of(shape):
    for name in ("created_at", "updated_at"):
        assert INSTANT.fullmatch(shape.pop(name))
    return shape


def facts(token_request, **changed):
    return {
        "id": str(token_request.id),
        "user_id": str(token_request.user),
        "email": "ann@example.com",
        "status": "pending",
        "credits_granted": None,
        "approved_at": None,
        "approved_by": None,
        **changed,
    }


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"data": b""}])
def test_a_request_is_submitted(client, options):
    response = client.post(ASK, csrf=False, **options)
    assert (response.status_code, response.mimetype) == (201, "application/json")
    (token_request,) = TokenRequest.objects
    assert response.json["success"] is True
    assert times_of(response.json["request"]) == facts(token_request)


def test_a_second_one_is_refused(client, token_request):
    response = client.post(ASK, csrf=False)
    assert (response.status_code, response.json["code"]) == (400, "already_requested")
    assert response.json["message"] == "You have already requested beta access"
    assert response.json["details"] == {"number": token_request.number}
    assert TokenRequest.objects.count() == 1


@pytest.mark.parametrize("body", [{"user": "x"}, {"email": "other@example.com"}, []])
def test_it_takes_no_fields(client, body):
    assert client.post(ASK, json=body).status_code == 400
    assert TokenRequest.objects.count() == 0


STANDS = {
    "none": (lambda one, by: TokenRequest.objects.delete(), "none"),
    "pending": (lambda one, by: None, "pending"),
    "needs_info": (lambda one, by: review.ask(one, by=by, question="Who?"), "pending"),
    "approved": (lambda one, by: review.approve(one, by=by), "approved"),
    "rejected": (lambda one, by: review.reject(one, by=by), "rejected"),
    "spam": (lambda one, by: review.mark_spam(one, by=by), "rejected"),
    "revoked": (lambda one, by: review.revoke(review.approve(one, by=by), by=by, reason="No."), "rejected"),
    "expired": (lambda one, by: review.expire(one), "none"),
    "withdrawn": (lambda one, by: review.withdraw(one, by=actor_of(users.get(one.user))), "none"),
}


@pytest.mark.parametrize("status", STANDS)
def test_where_the_caller_stands(client, token_request, rita, status):
    bring, told = STANDS[status]
    bring(token_request, actor_of(rita))
    answer = client.get(ASK).json
    assert answer["status"] == told
    if told == "none":
        assert answer["request"] is None
    else:
        assert answer["request"]["status"] == told
        assert "spam" not in str(answer)


def test_a_request_that_was_reopened_counts_before_a_newer_one(app, monkeypatch, client, ann, rita):
    monkeypatch.setitem(app.config, "BETA_REAPPLY", True)
    owner, by = actor_of(ann), actor_of(rita)
    first = review.reject(beta_requests.submit(ann, by=owner), by=by)
    review.withdraw(beta_requests.submit(ann, by=owner), by=owner)
    assert client.get(ASK).json == {"status": "none", "request": None}
    review.reopen(first, by=by, note="Another look")
    answer = client.get(ASK).json
    assert (answer["status"], answer["request"]["id"]) == ("pending", str(first.id))


def test_an_approved_one_says_what_it_gave_and_who_approved(client, token_request, rita):
    review.approve(token_request, by=actor_of(rita), granted=250)
    shape = times_of(client.get(ASK).json["request"])
    assert INSTANT.fullmatch(shape.pop("approved_at"))
    wanted = facts(token_request, status="approved", credits_granted=250, approved_by="Rita")
    wanted.pop("approved_at")
    assert shape == wanted


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_asks(app, method, ann):
    stranger = app.test_client()
    assert stranger.open(ASK, method=method, csrf=False).status_code == 401
    assert (
        stranger.open(
            ASK, method=method, csrf=False, headers=bearer(make_user(roles=["admin"]), "users.read")
        ).status_code
        == 403
    )
    allowed = stranger.open(ASK, method=method, csrf=False, headers=bearer(ann, "self"))
    assert allowed.status_code == (201 if method == "POST" else 200)


def test_a_deactivated_user_is_told_so(app, ann):
    headers = bearer(ann, "self")
    user_changes.deactivate(ann.id, by=OPERATOR)
    response = app.test_client().post(ASK, headers=headers, csrf=False)
    assert (response.status_code, response.json["code"]) == (403, "user_inactive")


# --- the list ---------------------------------------------------------------------------------------------------------


def test_reviewers_see_all_newest_first_with_who_asks(reviewer, token_request, ann):
    make_request(ann)
    bob = make_user("bob@example.com")
    newer = beta_requests.submit(bob, by=actor_of(bob))
    response = reviewer.get(LIST)
    assert [one["id"] for one in response.json] == [str(newer.id), str(token_request.id)]
    assert response.headers["X-Total-Count"] == "2"
    assert times_of(response.json[1]) == facts(
        token_request, user={"id": str(ann.id), "name": "Ann", "email": "ann@example.com", "picture": None}
    )


def test_pages_follow_each_other(reviewer):
    for _ in range(5):
        user = make_user()
        beta_requests.submit(user, by=actor_of(user))
    seen, path = [], f"{LIST}?limit=2"
    while path:
        response = reviewer.get(path)
        seen += [one["id"] for one in response.json]
        found = re.search(r'<(.*)>; rel="next"', response.headers.get("Link", ""))
        path = found[1] if found else None
    assert seen == [str(one.id) for one in TokenRequest.objects.order_by("-number")]


def test_it_is_filtered_by_status(reviewer, token_request, rita):
    review.mark_spam(token_request, by=actor_of(rita))
    assert [one["status"] for one in reviewer.get(f"{LIST}?status=spam").json] == ["spam"]
    assert reviewer.get(f"{LIST}?status=pending").json == []


@pytest.mark.parametrize("query", ["status=none", "limit=0", "limit=201", "limit=x", "cursor=x", "page=2"])
def test_a_wrong_query_is_named(reviewer, query):
    response = reviewer.get(f"{LIST}?{query}")
    assert (response.status_code, list(response.json["errors"])) == (400, [query.partition("=")[0]])


# --- deciding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_number", [False, True])
@pytest.mark.parametrize(
    ("more", "given"), [({}, 100), ({"creditsToGrant": 1}, 1), ({"creditsToGrant": 10_000.0}, 10_000)]
)
def test_approval_grants_credits(reviewer, token_request, by_number, more, given):
    reference = token_request.number if by_number else str(token_request.id)
    response = reviewer.post(APPROVE, json={"requestId": reference, **more})
    assert response.status_code == 200
    shape = times_of(response.json["request"])
    assert INSTANT.fullmatch(shape.pop("approved_at"))
    wanted = facts(token_request, status="approved", credits_granted=given, approved_by="Rita")
    wanted.pop("approved_at")
    assert shape == wanted
    del response.json["request"]
    assert {name: value for name, value in response.json.items() if name != "request"} == {
        "success": True,
        "message": "Request approved",
        "new_balance": 150_000 + given,
    }


@pytest.mark.parametrize("words", [{}, {"reason": None}, {"reason": "Not yet."}])
def test_rejection_may_say_why(reviewer, token_request, words):
    response = reviewer.post(REJECT, json={"requestId": str(token_request.id), **words})
    assert (response.status_code, response.json["message"]) == (200, "Request rejected")
    assert times_of(response.json["request"]) == facts(token_request, status="rejected")
    assert TokenRequest.objects.get().decision["response"] == (words.get("reason") or "")
    assert token_accounts.view(token_request.user).balance == 150_000


BAD_CREDITS = ["0", "-1", "0.5", "10001", "1e400", "NaN", '"100"', "true", "null", str(2**63), "1" * 5_000, "[1]", "{}"]


@pytest.mark.parametrize("amount", BAD_CREDITS)
def test_a_wrong_amount_is_named_and_decides_nothing(reviewer, token_request, amount):
    body = f'{{"requestId": "{token_request.id}", "creditsToGrant": {amount}}}'
    response = reviewer.post(APPROVE, data=body, content_type="application/json")
    assert (response.status_code, response.json["success"]) == (400, False)
    if response.json["code"] == "invalid_input":
        assert list(response.json["errors"]) == ["creditsToGrant"]
    assert TokenRequest.objects.get().status == "pending"


@pytest.mark.parametrize("path", [APPROVE, REJECT])
@pytest.mark.parametrize("reference", ["", "0", "x", "9" * 30, "f" * 24, 999, {"$ne": 1}, None])
def test_what_is_not_there_is_not_found_or_named(reviewer, path, reference):
    response = reviewer.post(path, json={"requestId": reference})
    assert response.status_code in (400, 404)
    assert response.status_code == 404 or "requestId" in str(response.json["errors"])


@pytest.mark.parametrize("path", [APPROVE, REJECT])
@pytest.mark.parametrize("reference", [None, -1, 0, 1.5, True, {"$ne": 1}, [1]])
def test_what_is_neither_number_nor_id_is_said_once_and_by_the_name_of_the_field(reviewer, path, reference):
    response = reviewer.post(path, json={"requestId": reference})
    assert response.status_code == 400
    assert response.json["errors"] == {"requestId": ["Must be a number from 1 on, or an id."]}


@pytest.mark.parametrize("path", [APPROVE, REJECT])
def test_a_request_of_another_kind_is_not_found(reviewer, path):
    assert reviewer.post(path, json={"requestId": make_request().number}).status_code == 404


@pytest.mark.parametrize("path", [APPROVE, REJECT])
def test_what_is_decided_stays_so(reviewer, token_request, path):
    review.mark_spam(token_request, by=OPERATOR)
    response = reviewer.post(path, json={"requestId": str(token_request.id)})
    assert (response.status_code, response.json["code"]) == (400, "already_decided")
    assert response.json["details"]["by"] == OPERATOR.name


@pytest.mark.parametrize(("method", "path"), [("GET", LIST), ("POST", APPROVE), ("POST", REJECT)])
def test_only_reviewers_and_their_keys_may(app, client, rita, token_request, method, path):
    body = {"json": {"requestId": str(token_request.id)}} if method == "POST" else {}
    stranger = app.test_client()
    assert stranger.open(path, method=method, **body).status_code == 401
    assert client.open(path, method=method, **body).status_code == 403
    assert stranger.open(path, method=method, **body, headers=bearer(rita, "self", "users.read")).status_code == 403
    assert stranger.open(path, method=method, **body, headers=bearer(rita, "requests.review")).status_code == 200


@pytest.mark.parametrize("path", [APPROVE, REJECT])
def test_nobody_decides_their_own(reviewer, rita, path):
    own = beta_requests.submit(rita, by=actor_of(rita))
    response = reviewer.post(path, json={"requestId": own.number})
    assert (response.status_code, response.json["code"]) == (403, "forbidden")
    assert TokenRequest.objects.get(id=own.id).status == "pending"
