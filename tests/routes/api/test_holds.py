"""Setting tokens aside through the API, then closing the hold."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from mongoengine.connection import get_db

from app.models.user import User
from app.services import account_commit, ledger, token_accounts, user_changes
from tests.factories import OPERATOR, bearer, make_admin, make_user, sign_in
from tests.metering import BAD_AMOUNTS, HOLD_ID, INSTANT, OBJECT_ID, metering_key

HOLDS = "/api/holds"
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def user():
    user = make_user()
    User.objects(id=user.id).update(external_id="u-17")
    return user


@pytest.fixture
def key():
    return metering_key()


@pytest.fixture
def hold(client, key, user):
    """`hold(tokens, key=…, …)` sets tokens of the user aside."""

    def call(tokens=4_000, idempotency_key=None, **more):
        headers = {**key, **({"Idempotency-Key": idempotency_key} if idempotency_key else {})}
        return client.post(HOLDS, json={"user": "external:u-17", "tokens": tokens, **more}, headers=headers)

    return call


@pytest.fixture
def settle(client, key):
    def call(hold_id, tokens, **more):
        return client.post(f"{HOLDS}/{hold_id}/settle", json={"tokens": tokens, **more}, headers=key)

    return call


@pytest.fixture
def release(client, key):
    def call(hold_id):
        return client.delete(f"{HOLDS}/{hold_id}", headers=key)

    return call


def available(user):
    return token_accounts.view(user.id).available


# --- POST /holds ------------------------------------------------------------------------------------------------------


def test_tokens_are_set_aside(hold, user):
    with time_machine.travel(AT, tick=False):
        response = hold(4_000, idempotency_key="k", ttl_seconds=60)
    assert response.status_code == 201
    assert response.json == {
        "remaining_tokens": 146_000,
        "hold_id": response.json["hold_id"],
        "expires_at": "2026-03-10T12:01:00.000Z",
    }
    assert HOLD_ID.fullmatch(response.json["hold_id"])
    assert response.headers["Idempotency-Key"] == "k"


def test_a_hold_lasts_ten_minutes_unless_said_otherwise(hold):
    with time_machine.travel(AT, tick=False):
        assert hold().json["expires_at"] == "2026-03-10T12:10:00.000Z"


@pytest.mark.parametrize(("ttl", "status"), [(1, 201), (3_600, 201), (60.0, 201), (0, 400), (-1, 400), (3_601, 400)])
def test_a_hold_lasts_from_1_to_3600_seconds(hold, ttl, status):
    assert hold(ttl_seconds=ttl).status_code == status


@pytest.mark.parametrize("field", ["tokens", "ttl_seconds"])
@pytest.mark.parametrize("written", [*BAD_AMOUNTS.values(), "0"], ids=[*BAD_AMOUNTS, "zero"])
def test_what_is_no_amount_changes_nothing(client, key, user, field, written):
    fields = {"tokens": "100", "ttl_seconds": "60"} | {field: written}
    body = f'{{"user": "{user.id}", "tokens": {fields["tokens"]}, "ttl_seconds": {fields["ttl_seconds"]}}}'
    response = client.post(HOLDS, data=body, content_type="application/json", headers=key)
    assert response.status_code == 400
    assert response.json["code"] == "invalid_json" or list(response.json["errors"]) == [field]
    assert get_db().token_accounts.count_documents({"_id": user.id}) == 0


def test_the_same_key_again_has_the_same_hold(hold, user):
    first = hold(4_000, idempotency_key="k")
    hold(5)
    account_commit.drain(user.id)
    again = hold(4_000, idempotency_key="k")
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replay"] == "true"
    assert available(user) == 145_995


@pytest.mark.parametrize("other", [{"tokens": 4_001}, {"ttl_seconds": 601}], ids=repr)
def test_the_same_key_with_other_content_is_refused(hold, user, other):
    hold(4_000, idempotency_key="k")
    response = hold(**{"tokens": 4_000, **other}, idempotency_key="k")
    assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")
    assert available(user) == 146_000


def test_a_key_of_a_spend_makes_no_hold(client, key, hold):
    headers = {**key, "Idempotency-Key": "k"}
    client.post("/api/usage", json={"user": "external:u-17", "tokens": 4_000}, headers=headers)
    assert hold(4_000, idempotency_key="k").json["code"] == "idempotency_key_reused"


def test_a_hundred_callers_with_one_key_have_one_hold(app, key, user, threads):
    headers, body = {**key, "Idempotency-Key": "one"}, {"user": "external:u-17", "tokens": 4_000}
    answers = threads(lambda _: app.test_client().post(HOLDS, json=body, headers=headers), 100)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotent-Replay" not in answer.headers for answer in answers) == 1
    assert available(user) == 146_000


def test_too_few_tokens_say_what_can_be_done(hold, user):
    token_accounts.spend(user.id, 149_000, by=OPERATOR)
    response = hold(1_001)
    assert (response.status_code, response.json["code"]) == (402, "insufficient_tokens")
    told = {name: response.json[name] for name in ("remaining_tokens", "needed", "can_request", "reason_code")}
    assert told == {"remaining_tokens": 1_000, "needed": 1_001, "can_request": True, "reason_code": None}
    assert INSTANT.fullmatch(response.json["resets_at"])
    assert response.json["request_url"] == "http://localhost/requests/new?kind=quota"


def test_a_hundred_open_holds_are_enough(hold):
    for _ in range(100):
        assert hold(1).status_code == 201
    response = hold(1)
    assert (response.status_code, response.json["code"]) == (409, "too_many_holds")


def test_nobody_and_the_deactivated_hold_nothing(client, key, hold, user):
    assert client.post(HOLDS, json={"user": "external:gone", "tokens": 1}, headers=key).status_code == 404
    user_changes.deactivate(user.id, by=OPERATOR)
    response = hold()
    assert (response.status_code, response.json["code"]) == (403, "user_inactive")


# --- POST /holds/<id>/settle ------------------------------------------------------------------------------------------


def test_what_was_used_is_taken(hold, settle, user):
    hold_id = hold(4_000).json["hold_id"]
    response = settle(hold_id, 1_234, description="gpt-4o", metadata={"url": "https://example.com"})
    entry = response.json["entry"]
    assert (response.status_code, response.json) == (
        200,
        {
            "remaining_tokens": 148_766,
            "entry": {
                "id": entry["id"],
                "type": "usage",
                "amount": -1_234,
                "description": "gpt-4o",
                "created_at": entry["created_at"],
            },
            "uncovered": 0,
        },
    )
    assert OBJECT_ID.fullmatch(entry["id"])
    assert INSTANT.fullmatch(entry["created_at"])
    assert "Idempotency-Key" not in response.headers
    assert ledger.history(user.id)[0]["metadata"] == {"url": "https://example.com"}


def test_nothing_used_is_a_release(hold, settle, user):
    response = settle(hold(4_000).json["hold_id"], 0)
    assert (response.status_code, response.json["remaining_tokens"]) == (200, 150_000)
    assert (response.json["entry"]["type"], response.json["entry"]["amount"]) == ("release", 0)


def test_a_release_by_settling_keeps_what_is_said_of_it(client, key, hold, settle, user):
    hold_id = hold(4_000).json["hold_id"]
    said = {"description": "Nobody answered", "metadata": {"url": "https://example.com"}}
    assert settle(hold_id, 0, **said).json["entry"]["description"] == "Nobody answered"
    assert settle(hold_id, 0, **said).headers["Idempotent-Replay"] == "true"
    for other in ({}, {**said, "description": "Other"}, {**said, "metadata": {}}):
        assert settle(hold_id, 0, **other).json["code"] == "hold_closed"
    account_commit.drain(user.id)
    (entry,) = (one for one in ledger.history(user.id, with_holds=True) if one["type"] == "release")
    assert entry["metadata"] == said["metadata"]


def test_more_than_was_held_is_taken_from_what_is_available(hold, settle):
    assert settle(hold(1_000).json["hold_id"], 1_500).json["remaining_tokens"] == 148_500


def test_what_the_account_cannot_cover_is_said(hold, settle, user):
    hold_id = hold(1_000).json["hold_id"]
    token_accounts.spend(user.id, 148_900, by=OPERATOR)
    response = settle(hold_id, 1_500)
    assert response.status_code == 200
    assert (response.json["entry"]["amount"], response.json["uncovered"]) == (-1_100, 400)
    assert response.json["remaining_tokens"] == 0


def test_a_hold_that_ended_by_itself_is_still_charged_from_what_is_available(client, key, hold, settle, user):
    with time_machine.travel(AT, tick=False) as time:
        hold_id = hold(4_000, ttl_seconds=60).json["hold_id"]
        time.shift(timedelta(seconds=61))
        assert available(user) == 150_000
        response = settle(hold_id, 1_234)
    assert (response.status_code, response.json["remaining_tokens"]) == (200, 148_766)
    assert response.json["uncovered"] == 0


def test_settling_again_with_the_same_has_the_same_answer(hold, settle, user):
    hold_id = hold(4_000).json["hold_id"]
    first = settle(hold_id, 1_234, description="gpt-4o")
    again = settle(hold_id, 1_234, description="gpt-4o")
    assert (again.status_code, again.json) == (200, first.json)
    assert again.headers["Idempotent-Replay"] == "true"
    assert available(user) == 148_766


@pytest.mark.parametrize("other", [{"tokens": 1_235}, {"tokens": 0}, {"description": "other"}], ids=repr)
def test_settling_again_otherwise_is_refused(hold, settle, user, other):
    hold_id = hold(4_000).json["hold_id"]
    settle(hold_id, 1_234)
    response = settle(hold_id, **{"tokens": 1_234, **other})
    assert (response.status_code, response.json["code"]) == (409, "hold_closed")
    assert available(user) == 148_766


@pytest.mark.parametrize("written", BAD_AMOUNTS.values(), ids=BAD_AMOUNTS)
def test_what_is_no_amount_settles_nothing(client, key, hold, user, written):
    hold_id = hold(4_000).json["hold_id"]
    body = f'{{"tokens": {written}}}'
    response = client.post(f"{HOLDS}/{hold_id}/settle", data=body, content_type="application/json", headers=key)
    assert response.status_code == 400
    assert response.json["code"] == "invalid_json" or list(response.json["errors"]) == ["tokens"]
    assert token_accounts.view(user.id).held == 4_000


@pytest.mark.parametrize("tokens", [0, 5])
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"description": 7}, "description"),
        ({"description": "x" * 501}, "description"),
        ({"description": "bell\x07"}, "description"),
        ({"metadata": {"a": []}}, "metadata"),
        ({"user": "external:u-17"}, "user"),
    ],
)
def test_other_fields_are_checked_by_name(hold, settle, user, tokens, more, field):
    response = settle(hold().json["hold_id"], tokens, **more)
    assert (response.status_code, list(response.json["errors"])) == (400, [field])
    assert token_accounts.view(user.id).held == 4_000


def test_fifty_at_once_settle_once(app, key, hold, user, threads):
    hold_id = hold(4_000).json["hold_id"]

    def settle(i):
        path = f"{HOLDS}/{hold_id}/settle"
        return app.test_client().post(path, json={"tokens": 1_000 + i % 2}, headers=key)

    answers = threads(settle, 50)
    assert sorted(answer.status_code for answer in answers) == [200] * 25 + [409] * 25
    assert available(user) in (149_000, 148_999)


# --- DELETE /holds/<id> -----------------------------------------------------------------------------------------------


def test_a_hold_is_released(hold, release, user):
    hold_id = hold(4_000).json["hold_id"]
    response = release(hold_id)
    assert (response.status_code, response.json) == (200, {"remaining_tokens": 150_000})
    again = release(hold_id)
    assert (again.status_code, again.json) == (200, response.json)
    assert again.headers["Idempotent-Replay"] == "true"


def test_what_is_closed_one_way_is_not_closed_another(hold, settle, release, user):
    settled, released = hold(100).json["hold_id"], hold(100).json["hold_id"]
    settle(settled, 50)
    release(released)
    for response in (release(settled), settle(released, 50)):
        assert (response.status_code, response.json["code"]) == (409, "hold_closed")
    assert available(user) == 149_950


def test_what_was_held_is_settled_after_the_user_was_deactivated(hold, settle, release, user):
    settled, released = hold(100).json["hold_id"], hold(100).json["hold_id"]
    user_changes.deactivate(user.id, by=OPERATOR)
    assert settle(settled, 50).json["remaining_tokens"] == 149_850
    assert release(released).json["remaining_tokens"] == 149_950


# --- what is no hold, and who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hold_id",
    ["f" * 48, "f" * 24, "f" * 47, "f" * 49, "F" * 48, "0", "-1", "x", "%7B%22$ne%22:null%7D", "%D9%A3", "9" * 400],
)
def test_a_malformed_or_foreign_id_is_not_found(settle, release, hold_id):
    for response in (settle(hold_id, 5), release(hold_id), settle(hold_id, 0)):
        assert (response.status_code, response.json["code"]) == (404, "not_found")


def test_a_hold_of_one_account_is_not_found_in_another(hold, settle, release, user):
    other = make_user()
    hold_id = f"{other.id}{hold().json['hold_id'][24:]}"
    assert settle(hold_id, 5).status_code == 404
    assert release(hold_id).status_code == 404
    assert get_db().token_accounts.count_documents({"_id": other.id}) == 0


def calls(hold_id):
    yield "POST", HOLDS, {"json": {"user": "external:u-17", "tokens": 1}}
    yield "POST", f"{HOLDS}/{hold_id}/settle", {"json": {"tokens": 1}}
    yield "DELETE", f"{HOLDS}/{hold_id}", {}


def test_only_a_key_with_the_scope_may(app, hold):
    hold_id = hold().json["hold_id"]
    others = bearer(make_admin(), "self", "users.manage", "users.sign_in")
    admin = sign_in(app.test_client(), make_admin())
    for method, path, body in calls(hold_id):
        assert app.test_client().open(path, method=method, headers=others, **body).status_code == 403
        assert admin.open(path, method=method, **body).status_code == 403
        assert app.test_client().open(path, method=method, **body).status_code == 401
