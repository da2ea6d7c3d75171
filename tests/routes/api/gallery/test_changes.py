"""Resetting an account and adding tokens through the API, as existing clients do it."""

from datetime import timedelta

import pytest
from mongoengine.connection import get_db

from app import clock
from app.models.audit_event import AuditEvent
from app.services import account_commit, token_accounts
from tests.bad_texts import BLANK
from tests.factories import actor_of, bearer, make_admin, make_user
from tests.routes.api.gallery.calls import BONUS, PATH, WHY, both, entries, get, post

# --- resetting --------------------------------------------------------------------------------------------------------


def test_a_reset_gives_the_whole_allowance_again(client, ada, admin):
    response = post(client, ada, "reset", WHY)
    assert response.status_code == 200
    period_end = token_accounts.view(ada.id).period_end
    assert response.json == {
        "success": True,
        "message": "Quota reset successfully",
        "data": {
            "message": "Quota reset successfully",
            "newQuota": {"limit": 100_000, "used": 0, "remaining": 100_000, "periodEnd": clock.iso(period_end)},
        },
    }
    assert clock.now() + timedelta(days=6, hours=23) < period_end
    event = AuditEvent.objects.get(action="account.reset")
    assert (event.actor["id"], event.reason) == (str(admin.id), WHY["reason"])
    (entry,) = get(client, ada, "/history?limit=1").json["data"]["data"]
    assert (entry["type"], entry["tokensAmount"], entry["description"]) == ("reset", 67_500, WHY["reason"])


def test_without_an_allowance_a_reset_gives_nothing(client):
    response = post(client, make_user(tier="prepaid"), "reset", WHY)
    assert response.json["data"]["newQuota"] == {"limit": 0, "used": 0, "remaining": 0, "periodEnd": None}


# --- adding tokens ----------------------------------------------------------------------------------------------------


def test_added_tokens_lower_what_was_used(client, ada):
    response = post(client, ada, "add-tokens", BONUS)
    assert response.status_code == 200
    assert response.json == {
        "success": True,
        "message": "50,000 tokens added successfully",
        "data": {
            "message": "50,000 tokens added successfully",
            "newQuota": {"limit": 100_000, "used": 17_500, "remaining": 82_500, "bonusAdded": 50_000},
        },
    }
    assert token_accounts.view(ada.id).balance == 132_500
    assert AuditEvent.objects.get(action="account.bonus").reason == BONUS["reason"]


@pytest.mark.parametrize("amount", [1, 1_000_000, 1_000_000.0])
def test_the_balance_rises_by_exactly_what_was_added(client, ada, amount):
    response = post(client, ada, "add-tokens", BONUS | {"amount": amount})
    assert response.json["message"] == f"{int(amount):,} tokens added successfully"
    assert response.json["data"]["newQuota"]["bonusAdded"] == amount
    assert token_accounts.view(ada.id).balance == 82_500 + amount


def test_the_message_is_in_the_language_of_the_reader(client, ada):
    russian = post(client, ada, "add-tokens", BONUS, headers={"Accept-Language": "ru"})
    assert "50\xa0000" in russian.json["message"]


FIVE_THOUSAND_DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        *((amount, "invalid_input") for amount in ("-5", "0", "-0.0", "0.5", "1000001", '"100"', "true", "null")),
        *((amount, "invalid_input") for amount in ("9223372036854775808", "1e300", "[1]", "{}", '{"$gt": 0}')),
        *((amount, "invalid_json") for amount in ("1e400", "-1e400", "NaN", "Infinity", FIVE_THOUSAND_DIGITS)),
    ],
    ids=lambda value: value[:20],
)
def test_an_amount_that_is_none_is_refused_and_changes_nothing(client, ada, amount, code):
    before = entries()
    response = client.post(
        f"{PATH}/{ada.id}/quota/add-tokens",
        data=f'{{"amount": {amount}, "reason": "Why"}}',
        content_type="application/json",
        csrf=False,
    )
    assert (response.status_code, response.json["code"]) == (400, code)
    assert list(response.json["errors"]) == (["amount"] if code == "invalid_input" else [])
    assert entries() == before


@both
@pytest.mark.parametrize("reason", [None, 7, True, ["Why"], *BLANK, "x" * 501, "bell\x07"])
def test_a_change_needs_a_reason(client, ada, what, body, reason):
    before = entries()
    response = post(client, ada, what, body | {"reason": reason})
    assert (response.status_code, list(response.json["errors"])) == (400, ["reason"])
    assert entries() == before


@both
def test_a_reason_is_trimmed_and_may_be_long(client, ada, what, body):
    assert post(client, ada, what, body | {"reason": f" {'x' * 500} "}).status_code == 200
    (entry,) = get(client, ada, "/history?limit=1").json["data"]["data"]
    assert entry["description"] == "x" * 500


@both
@pytest.mark.parametrize("more", [{"user": "x"}, {"Reason": "x"}, {"tokens": 5}])
def test_other_fields_are_refused(client, ada, what, body, more):
    before = entries()
    assert post(client, ada, what, body | more).status_code == 400
    assert post(client, ada, what, None).status_code == 400
    assert entries() == before


@both
def test_a_repeat_under_the_same_key_has_one_effect(client, ada, what, body):
    headers = {"Idempotency-Key": "ticket 17"}
    first, second = (post(client, ada, what, body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json == second.json
    assert "Idempotent-Replay" not in first.headers
    assert second.headers["Idempotent-Replay"] == "true"
    account_commit.drain(ada.id)
    assert get_db().ledger_entries.count_documents({"key": "api:ticket 17"}) == 1
    assert AuditEvent.objects(object__kind="account").count() == 1


@both
def test_a_key_that_was_used_for_something_else_is_a_conflict(client, ada, what, body):
    headers = {"Idempotency-Key": "ticket 17"}
    post(client, ada, what, body, headers=headers)
    before = entries()
    response = post(client, ada, what, body | {"reason": "Something else"}, headers=headers)
    assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")
    assert entries() == before


@both
@pytest.mark.parametrize("key", ["", " x", "x" * 201, "tab\there", "naïve"])
def test_an_unusable_key_is_refused(client, ada, what, body, key):
    before = entries()
    response = post(client, ada, what, body, headers={"Idempotency-Key": key})
    assert (response.status_code, list(response.json["errors"])) == (400, ["Idempotency-Key"])
    assert entries() == before


@both
def test_callers_at_once_with_one_key_have_one_effect(app, ada, threads, what, body):
    headers = bearer(make_admin(), "users.manage") | {"Idempotency-Key": "once"}
    clients = [app.test_client() for _ in range(8)]
    answers = threads(lambda i: post(clients[i], ada, what, body, headers=headers), 8)
    assert [answer.status_code for answer in answers] == [200] * 8
    account_commit.drain(ada.id)
    assert get_db().ledger_entries.count_documents({"key": "api:once"}) == 1


def test_who_changed_what_stands_in_the_ledger(client, ada, admin):
    post(client, ada, "reset", WHY)
    by = get_db().token_accounts.find_one({"_id": ada.id})["entries"][-1]["by"]
    assert by == actor_of(admin).stamp()
