"""Quota requests through the API, as existing clients send and expect them."""

import re
from datetime import UTC, datetime

import pytest
import time_machine

from app.models.audit_event import AuditEvent
from app.models.token_request import Status, TokenRequest
from app.models.user import User
from app.services import review, token_accounts, user_changes
from tests.bad_texts import BLANK, UNUSABLE, too_long
from tests.factories import OPERATOR, actor_of, bearer, make_admin, make_request, make_user, sign_in

PATH = "/api/token-requests"
REASON = "I am preparing a talk and ran out."
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def ask(client, body=None, **options):
    return client.post(PATH, json={"reason": REASON} if body is None else body, **options)


# --- POST /token-requests ---------------------------------------------------------------------------------------------


def test_a_request_is_submitted(client, user):
    token_accounts.spend(user.id, 30_000, by=OPERATOR)
    token_accounts.spend(user.id, 2_000, by=OPERATOR)
    response = ask(client)
    assert response.status_code == 201
    assert response.mimetype == "application/json"
    token_request = TokenRequest.objects.get()
    (at,) = re.findall(INSTANT, response.text)
    assert response.json == {
        "message": "Token request submitted",
        "request": {
            "_id": str(token_request.id),
            "number": 1,
            "userId": str(user.id),
            "status": "pending",
            "reason": REASON,
            "requestedAt": at,
            "adminResponse": None,
            "processedBy": None,
            "processedAt": None,
            "currentUsage": {"tokenCount": 32_000, "requestCount": 2},
        },
    }


def test_times_have_milliseconds_and_are_utc(client):
    with time_machine.travel(datetime(2026, 3, 10, 15, 4, 5, 120_000, tzinfo=UTC), tick=False):
        sign_in(client, User.objects.get())
        assert ask(client).json["request"]["requestedAt"] == "2026-03-10T15:04:05.120Z"


@pytest.mark.parametrize("reason", ["x", "x" * 500, "😀" * 500, "  trimmed \n", "<b>$ne</b> {{ 7 * 7 }}\nтак"])
def test_a_reason_has_1_to_500_characters_once_trimmed(client, reason):
    response = ask(client, {"reason": reason})
    assert response.status_code == 201
    assert response.json["request"]["reason"] == reason.strip()


@pytest.mark.parametrize(
    "reason",
    [None, 7, 1.5, True, ["a text"], {"$ne": ""}, *BLANK, *too_long(500)[:2], "bell\x07", "\x1b[31mred", "del\x7f"],
)
def test_any_other_reason_is_refused_and_nothing_is_stored(client, reason):
    response = ask(client, {"reason": reason})
    assert (response.status_code, response.json["code"]) == (400, "invalid_input")
    assert list(response.json["errors"]) == ["reason"]
    assert TokenRequest.objects.count() == 0


@pytest.mark.parametrize("reason", [text for text in UNUSABLE if "\0" in text or not text.isprintable()])
def test_text_that_no_database_holds_is_refused(client, reason):
    assert ask(client, {"reason": reason}).status_code == 400
    assert TokenRequest.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": REASON, "status": "approved"}, "status"),
        ({"reason": REASON, "user_id": "1"}, "user_id"),
        ({"reason": REASON, "userId": "1"}, "userId"),
        ({"reason": REASON, "user": "external:u-17"}, "user"),
    ],
)
def test_fields_that_are_missing_or_not_for_the_caller_are_refused(client, body, field):
    response = ask(client, body)
    assert (response.status_code, response.json["code"], list(response.json["errors"])) == (
        400,
        "invalid_input",
        [field],
    )


def test_while_one_is_open_there_is_no_other(client):
    ask(client)
    response = ask(client)
    assert response.status_code == 400
    assert response.json == {
        "success": False,
        "statusCode": 400,
        "message": "You already have a pending token request",
        "error": "You already have a pending token request",
        "code": "already_pending",
        "errors": {},
        "details": {"number": 1},
    }


def submit_and_reject(user, times):
    reviewer = actor_of(make_admin())
    for _ in range(times):
        review.reject(make_request(user), by=reviewer, response="No.")


def test_three_a_day_are_enough(client, user):
    with time_machine.travel(datetime(2026, 3, 10, 23, 0, tzinfo=UTC), tick=False):
        sign_in(client, user)
        submit_and_reject(user, 3)
        response = ask(client)
    assert (response.status_code, response.json["code"]) == (429, "daily_limit")
    assert response.json["message"] == "Maximum 3 token requests per day"
    assert response.json["details"] == {"limit": 3, "next_allowed_at": "2026-03-11T00:00:00.000Z"}
    assert response.headers["Retry-After"] == "3600"


def test_that_one_is_open_wins_over_the_cap(client, user):
    submit_and_reject(user, 2)
    make_request(user)
    assert ask(client).json["code"] == "already_pending"


def test_without_an_allowance_there_is_nothing_to_reset(client):
    sign_in(client, make_user(tier="prepaid"))
    response = ask(client)
    assert (response.status_code, response.json["code"]) == (409, "no_allowance")


def test_without_a_session_or_key_nobody_asks(app):
    response = ask(app.test_client())
    assert (response.status_code, response.json["code"]) == (401, "sign_in_needed")


# --- GET /token-requests/my-requests ----------------------------------------------------------------------------------


def test_the_callers_ten_newest_requests_are_listed(client, user):
    make_request()
    with time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC)) as time:
        for day in range(1, 5):
            time.move_to(datetime(2026, 3, day, tzinfo=UTC))
            submit_and_reject(user, 3)
    response = client.get(f"{PATH}/my-requests")
    assert response.status_code == 200
    assert [one["number"] for one in response.json] == list(range(13, 3, -1))
    newest = response.json[0]
    assert newest["userId"] == str(user.id)
    assert newest["adminResponse"] == "No."
    assert newest["processedBy"] == {"name": TokenRequest.objects.get(number=13).decision["by"]["name"]}
    assert INSTANT.fullmatch(newest["processedAt"])


def test_who_asked_nothing_has_an_empty_list(client):
    response = client.get(f"{PATH}/my-requests")
    assert (response.status_code, response.json) == (200, [])


def test_nobody_is_called_a_spammer_to_their_face(client, user):
    review.mark_spam(make_request(user), by=actor_of(make_admin()))
    assert client.get(f"{PATH}/my-requests").json[0]["status"] == "rejected"


def test_spam_has_a_response_as_every_rejection_has(client, user):
    review.mark_spam(make_request(user), by=actor_of(make_admin()))
    (shown,) = client.get(f"{PATH}/my-requests").json
    assert (shown["status"], shown["adminResponse"]) == ("rejected", "Your request was not approved.")


def test_the_list_takes_two_reads_beside_the_callers_own(client, user, statements):
    submit_and_reject(user, 3)
    statements.said.clear()
    client.get(f"{PATH}/my-requests")
    assert [said for said in statements.said if said.startswith("find ")].count("find token_requests") == 1
    assert not any("token_accounts" in said for said in statements.said)


# --- GET /token-requests/can-request ----------------------------------------------------------------------------------


def can(client, **options):
    response = client.get(f"{PATH}/can-request", **options)
    assert response.status_code == 200
    return response.json


def test_who_may_ask_hears_so(client):
    assert can(client) == {
        "canRequest": True,
        "hasPending": False,
        "requestsToday": 0,
        "maxRequestsPerDay": 3,
        "reasonCode": None,
        "nextAllowedAt": None,
    }


def test_who_may_not_hears_why(client, user):
    make_request(user)
    assert can(client) == {
        "canRequest": False,
        "hasPending": True,
        "requestsToday": 1,
        "maxRequestsPerDay": 3,
        "reasonCode": "pending",
        "nextAllowedAt": None,
    }


def test_who_has_asked_often_enough_hears_when_again(client, user):
    with time_machine.travel(datetime(2026, 3, 10, 12, 0, tzinfo=UTC), tick=False):
        sign_in(client, user)
        submit_and_reject(user, 3)
        answer = can(client)
    assert (answer["reasonCode"], answer["requestsToday"]) == ("daily_limit", 3)
    assert answer["nextAllowedAt"] == "2026-03-11T00:00:00.000Z"


def test_who_has_no_allowance_hears_so(client):
    sign_in(client, make_user(tier="prepaid"))
    assert can(client)["reasonCode"] == "no_allowance"


# --- with a key -------------------------------------------------------------------------------------------------------


def test_a_self_key_asks_for_its_owner(app, user):
    client, headers = app.test_client(), bearer(user, "self")
    assert ask(client, headers=headers).json["request"]["userId"] == str(user.id)
    assert can(client, headers=headers)["hasPending"] is True
    assert len(client.get(f"{PATH}/my-requests", headers=headers).json) == 1


def test_what_a_key_submits_leaves_a_trail(app, user):
    ask(app.test_client(), headers=bearer(user, "self"))
    event = AuditEvent.objects.get(action="request.submit")
    assert (event.actor["kind"], event.on_behalf_of, event.object["number"]) == ("key", str(user.id), 1)


@pytest.fixture
def metering():
    return bearer(make_admin(), "usage.write")


def test_a_metering_key_asks_for_whom_it_names(app, user, metering):
    client = app.test_client()
    User.objects(id=user.id).update(external_id="u-17")
    body = {"reason": REASON, "user": "external:u-17"}
    assert ask(client, body, headers=metering).json["request"]["userId"] == str(user.id)
    answer = client.get(f"{PATH}/can-request?user={user.id}", headers=metering)
    assert answer.json["reasonCode"] == "pending"


@pytest.mark.parametrize("of", ["id", "external", "email", "phone"])
def test_a_metering_key_names_a_user_in_four_ways(app, user, metering, of):
    User.objects(id=user.id).update(external_id="u-17", phone="+79991234567", phone_confirmed=True)
    named = {"id": str(user.id), "external": "external:u-17", "email": user.email, "phone": "+7 999 123-45-67"}[of]
    client = app.test_client()
    body = {"reason": REASON, "user": named}
    assert ask(client, body, headers=metering).json["request"]["userId"] == str(user.id)
    answer = client.get(f"{PATH}/can-request", query_string={"user": named}, headers=metering)
    assert (answer.status_code, answer.json["reasonCode"]) == (200, "pending")
    (event,) = AuditEvent.objects(action="request.submit")
    assert event.actor["kind"] == "key"


def test_a_metering_key_that_is_its_owners_too_asks_for_the_owner_unless_it_names_somebody(app, user):
    owner = make_admin()
    headers = bearer(owner, "self", "usage.write")
    client = app.test_client()
    assert ask(client, headers=headers).json["request"]["userId"] == str(owner.id)
    assert ask(client, {"reason": REASON, "user": str(user.id)}, headers=headers).json["request"]["userId"] == str(
        user.id
    )


def test_a_metering_key_asks_as_often_as_the_user_may(app, user, metering):
    client, body = app.test_client(), {"reason": REASON, "user": str(user.id)}
    ask(client, body, headers=metering)
    assert ask(client, body, headers=metering).json["code"] == "already_pending"
    review.reject(TokenRequest.objects.get(), by=actor_of(make_admin()), response="No.")
    submit_and_reject(user, 2)
    refusal = ask(client, body, headers=metering)
    assert (refusal.status_code, refusal.json["code"]) == (429, "daily_limit")


@pytest.mark.parametrize("named", [7, None, ["x"], {"$ne": ""}], ids=repr)
def test_a_metering_key_names_a_user_in_text(app, metering, named):
    response = ask(app.test_client(), {"reason": REASON, "user": named}, headers=metering)
    assert (response.status_code, list(response.json["errors"])) == (400, ["user"])


def test_a_metering_key_hears_that_a_user_is_inactive(app, user, metering):
    user_changes.deactivate(user.id, by=OPERATOR)
    client = app.test_client()
    answer = client.get(f"{PATH}/can-request?user={user.id}", headers=metering)
    assert (answer.json["canRequest"], answer.json["reasonCode"]) == (False, "inactive")
    refusal = ask(client, {"reason": REASON, "user": str(user.id)}, headers=metering)
    assert (refusal.status_code, refusal.json["code"]) == (403, "user_inactive")


def test_a_metering_key_must_name_somebody_who_is_there(app, metering):
    client = app.test_client()
    nobody = ask(client, headers=metering)
    assert (nobody.status_code, list(nobody.json["errors"])) == (400, ["user"])
    for reference in ("external:gone", "f" * 24, "nobody@example.com", "x", "external:", "{}"):
        assert ask(client, {"reason": REASON, "user": reference}, headers=metering).status_code == 404
        assert client.get(f"{PATH}/can-request?user={reference}", headers=metering).status_code == 404
    assert client.get(f"{PATH}/my-requests", headers=metering).status_code == 403


def test_a_session_names_nobody(client, user):
    response = client.get(f"{PATH}/can-request?user={user.id}")
    assert (response.status_code, list(response.json["errors"])) == (400, ["user"])


# --- all of it --------------------------------------------------------------------------------------------------------


def test_fifty_at_once_make_one_request(app, user, threads):
    client_of = [sign_in(app.test_client(), user) for _ in range(50)]
    answers = threads(lambda i: ask(client_of[i]), 50)
    codes = [answer.json.get("code") for answer in answers]
    assert [answer.status_code for answer in answers].count(201) == 1
    assert codes.count("already_pending") == 49
    assert TokenRequest.objects(status=Status.PENDING).count() == 1
