"""Taking tokens through the API, and reading what a user has."""

from datetime import UTC, datetime

import pytest
import time_machine
from mongoengine.connection import get_db

from app.models.user import User
from app.services import account_commit, ledger, token_accounts, user_changes
from tests.factories import OPERATOR, bearer, make_admin, make_request, make_user, sign_in
from tests.metering import BAD_AMOUNTS, INSTANT, OBJECT_ID, metering_key

USAGE, BALANCES = "/api/usage", "/api/balances"


@pytest.fixture
def user():
    user = make_user()
    User.objects(id=user.id).update(external_id="u-17")
    return user


@pytest.fixture
def key():
    return metering_key()


@pytest.fixture
def spend(client, key, user):
    """`spend(tokens, key=…, …)` takes tokens from the user."""

    def call(tokens=700, idempotency_key=None, headers=None, **more):
        headers = {**key, **({"Idempotency-Key": idempotency_key} if idempotency_key else {}), **(headers or {})}
        return client.post(USAGE, json={"user": "external:u-17", "tokens": tokens, **more}, headers=headers)

    return call


def state(user):
    """The account as it is stored, None before the first use of tokens."""
    return get_db().token_accounts.find_one({"_id": user.id})


# --- POST /usage ------------------------------------------------------------------------------------------------------


def test_tokens_are_taken(spend, user):
    response = spend(
        700, idempotency_key="9f", description=" gpt-4o ", metadata={"url": "https://example.com", "n": 1.5}
    )
    assert (response.status_code, response.mimetype) == (200, "application/json")
    entry = response.json["entry"]
    assert response.json == {
        "remaining_tokens": 149_300,
        "entry": {
            "id": entry["id"],
            "type": "usage",
            "amount": -700,
            "description": "gpt-4o",
            "created_at": entry["created_at"],
        },
    }
    assert OBJECT_ID.fullmatch(entry["id"])
    assert INSTANT.fullmatch(entry["created_at"])
    assert response.headers["Idempotency-Key"] == "9f"
    assert "Idempotent-Replay" not in response.headers
    stored = ledger.history(user.id)[0]
    assert (str(stored["_id"]), stored["metadata"]) == (entry["id"], {"url": "https://example.com", "n": 1.5})
    assert (stored["key"], stored["by"]["kind"]) == ("api:9f", "key")


def test_1000_point_0_is_a_whole_number(client, key, user):
    body = f'{{"user": "{user.id}", "tokens": 1000.0}}'
    response = client.post(USAGE, data=body, content_type="application/json", headers=key)
    assert response.json["entry"]["amount"] == -1_000


@pytest.mark.parametrize("of", ["id", "external", "email", "phone"])
def test_a_user_is_named_in_four_ways(client, key, user, of):
    User.objects(id=user.id).update(email_confirmed=True, phone="+79991234567", phone_confirmed=True)
    reference = {"id": str(user.id), "external": "external:u-17", "email": user.email, "phone": "+7 999 123-45-67"}[of]
    response = client.post(USAGE, json={"user": reference, "tokens": 1}, headers=key)
    assert (response.status_code, response.json["remaining_tokens"]) == (200, 149_999)


@pytest.mark.parametrize(
    "reference",
    ["f" * 24, "external:gone", "external:", "external:{}", "nobody@example.com", "+1 202 555 0100", "x", "$ne", "{}"],
)
def test_nobody_is_not_found(client, key, user, reference):
    response = client.post(USAGE, json={"user": reference, "tokens": 1}, headers=key)
    assert (response.status_code, response.json["code"]) == (404, "not_found")


def test_an_address_that_is_not_confirmed_names_nobody(client, key, user):
    User.objects(id=user.id).update(email_confirmed=False, phone="+79991234567")
    for reference in (user.email, "+79991234567"):
        assert client.post(USAGE, json={"user": reference, "tokens": 1}, headers=key).status_code == 404


def test_a_deactivated_user_spends_nothing(spend, client, key, user):
    user_changes.deactivate(user.id, by=OPERATOR)
    for response in (spend(), client.get(f"{BALANCES}/external:u-17", headers=key)):
        assert (response.status_code, response.json["code"]) == (403, "user_inactive")


@pytest.mark.parametrize("written", [*BAD_AMOUNTS.values(), "0"], ids=[*BAD_AMOUNTS, "zero"])
def test_what_is_no_amount_changes_nothing(client, key, user, written):
    body = f'{{"user": "{user.id}", "tokens": {written}}}'
    response = client.post(USAGE, data=body, content_type="application/json", headers=key)
    assert response.status_code == 400
    assert response.json["code"] == "invalid_json" or list(response.json["errors"]) == ["tokens"]
    assert state(user) is None


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"user": None}, "user"),
        ({"user": 7}, "user"),
        ({"user": {"$ne": ""}}, "user"),
        ({"description": "x" * 501}, "description"),
        ({"description": 7}, "description"),
        ({"description": "bell\x07"}, "description"),
        ({"metadata": {"a": {"b": 1}}}, "metadata"),
        ({"metadata": {"a": [1]}}, "metadata"),
        ({"metadata": {"a b": 1}}, "metadata"),
        ({"metadata": {"$set": 1}}, "metadata"),
        ({"metadata": {f"k{n}": n for n in range(11)}}, "metadata"),
        ({"metadata": {"a": "x" * 1_025}}, "metadata"),
        ({"metadata": {"a": 2**63}}, "metadata"),
        ({"metadata": ["a"]}, "metadata"),
        ({"amount": 5}, "amount"),
        ({"user_id": "x"}, "user_id"),
    ],
)
def test_other_fields_are_checked_by_name(spend, user, more, field):
    response = spend(**more)
    assert (response.status_code, response.json["code"]) == (400, "invalid_input")
    assert list(response.json["errors"]) == [field]
    assert state(user) is None


def test_a_body_without_anything_says_what_is_missing(client, key):
    response = client.post(USAGE, headers=key, csrf=False)
    assert list(response.json["errors"]) == ["user", "tokens"]


# --- too few ----------------------------------------------------------------------------------------------------------


def test_too_few_tokens_say_what_can_be_done(spend, user):
    at = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    with time_machine.travel(at, tick=False):
        token_accounts.spend(user.id, 149_880, by=OPERATOR)
        response = spend(700, idempotency_key="k")
    assert response.status_code == 402
    text = "Not enough tokens: 700 needed, 120 available."
    assert response.json == {
        "success": False,
        "statusCode": 402,
        "message": text,
        "error": text,
        "code": "insufficient_tokens",
        "errors": {},
        "details": {"available": 120, "needed": 700, "resets_at": "2026-03-17T12:00:00.000Z"},
        "remaining_tokens": 120,
        "needed": 700,
        "resets_at": "2026-03-17T12:00:00.000Z",
        "can_request": True,
        "reason_code": None,
        "request_url": "http://localhost/requests/new?kind=quota",
    }
    assert response.headers["Idempotency-Key"] == "k"


def test_too_few_tokens_say_why_nothing_can_be_asked(spend, user):
    make_request(user)
    refusal = spend(1_000_000).json
    assert (refusal["can_request"], refusal["reason_code"]) == (False, "pending")


def test_without_an_allowance_nothing_renews_and_nothing_can_be_asked(client, key):
    prepaid = make_user(tier="prepaid")
    refusal = client.post(USAGE, json={"user": str(prepaid.id), "tokens": 50_001}, headers=key).json
    assert (refusal["remaining_tokens"], refusal["resets_at"]) == (50_000, None)
    assert (refusal["can_request"], refusal["reason_code"]) == (False, "no_allowance")


def test_a_refusal_is_no_effect_and_the_key_may_succeed_later(spend, user):
    assert spend(150_001, idempotency_key="k").status_code == 402
    token_accounts.grant(user.id, 1, source="bonus", by=OPERATOR, reason="Sorry")
    response = spend(150_001, idempotency_key="k")
    assert (response.status_code, response.json["remaining_tokens"]) == (200, 0)
    assert "Idempotent-Replay" not in response.headers


def test_the_request_address_is_the_sites_own(spend, app, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://localhost")
    assert spend(1_000_000).json["request_url"] == "https://localhost/requests/new?kind=quota"


# --- doing it twice ---------------------------------------------------------------------------------------------------


def test_the_same_key_again_has_the_same_answer(spend, user):
    first = spend(700, idempotency_key="k", description="gpt-4o")
    spend(5)
    account_commit.drain(user.id)
    again = spend(700, idempotency_key="k", description="gpt-4o")
    assert (again.status_code, again.json) == (200, first.json)
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.headers["Idempotency-Key"] == "k"
    assert token_accounts.view(user.id).available == 149_295


@pytest.mark.parametrize(
    "other", [{"tokens": 701}, {"description": "other"}, {"metadata": {"a": 1}}, {"metadata": {}}], ids=repr
)
def test_the_same_key_with_other_content_is_refused(spend, user, other):
    spend(700, idempotency_key="k")
    response = spend(**{"tokens": 700, **other}, idempotency_key="k")
    assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")
    assert response.headers["Idempotency-Key"] == "k"
    assert token_accounts.view(user.id).available == 149_300


def test_a_key_is_the_users_own(spend, client, key):
    spend(700, idempotency_key="k")
    other = make_user()
    headers = {**key, "Idempotency-Key": "k"}
    assert client.post(USAGE, json={"user": str(other.id), "tokens": 5}, headers=headers).status_code == 200


def test_without_a_key_one_is_made_and_works(spend, user):
    first = spend(700)
    made = first.headers["Idempotency-Key"]
    assert 1 <= len(made) <= 200
    again = spend(700, idempotency_key=made)
    assert again.json == first.json
    assert again.headers["Idempotent-Replay"] == "true"
    assert spend(700).headers["Idempotency-Key"] != made


def test_a_callers_key_never_meets_one_of_our_own(spend, user):
    assert spend(700, idempotency_key="initial").json["remaining_tokens"] == 149_300
    assert spend(700, idempotency_key="api:initial").json["remaining_tokens"] == 148_600


@pytest.mark.parametrize("given", ["a", "a b", "~!", "$ne", "x" * 200, "api:k", "hold:k"])
def test_a_key_is_any_printable_ascii(spend, given):
    response = spend(idempotency_key=given)
    assert (response.status_code, response.headers["Idempotency-Key"]) == (200, given)


@pytest.mark.parametrize("given", ["", "x" * 201, "naïve", "tab\tbed", "del\x7f", "\x01"], ids=repr)
def test_any_other_key_is_refused_by_the_headers_name(spend, user, given):
    response = spend(headers={"Idempotency-Key": given})
    assert (response.status_code, list(response.json["errors"])) == (400, ["Idempotency-Key"])
    assert "Idempotency-Key" not in response.headers
    assert state(user) is None


def test_also_what_is_refused_returns_its_key(spend):
    assert spend("x", idempotency_key="k").headers["Idempotency-Key"] == "k"
    assert spend("x").headers["Idempotency-Key"]


def test_a_hundred_callers_with_one_key_have_one_effect(app, key, user, threads):
    headers = {**key, "Idempotency-Key": "one"}
    body = {"user": "external:u-17", "tokens": 700}
    answers = threads(lambda _: app.test_client().post(USAGE, json=body, headers=headers), 100)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotent-Replay" not in answer.headers for answer in answers) == 1
    assert token_accounts.view(user.id).available == 149_300


def test_fifty_callers_at_the_limit_take_no_more_than_there_is(app, key, user, threads):
    body = {"user": "external:u-17", "tokens": 10_000}
    answers = threads(lambda _: app.test_client().post(USAGE, json=body, headers=key), 50)
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [402] * 35
    assert token_accounts.view(user.id).available == 0


def test_a_spend_asks_the_database_little(spend, statements):
    spend(idempotency_key="first")
    statements.said.clear()
    spend(idempotency_key="second")
    # The key, its owner, the user; the account, the ledger, the write.
    assert len([said for said in statements.said if not said.startswith("getMore")]) <= 6, statements.said


# --- GET /balances/<user> ---------------------------------------------------------------------------------------------


def test_a_balance_is_told(client, key, user, spend):
    spend(67_500)
    hold = client.post("/api/holds", json={"user": str(user.id), "tokens": 2_000}, headers=key)
    assert hold.status_code == 201
    response = client.get(f"{BALANCES}/external:u-17", headers=key)
    assert response.status_code == 200
    told = response.json
    (grant,) = told["grants"]
    assert told == {
        "user_id": str(user.id),
        "tier": "free",
        "quota": {
            "limit": 100_000,
            "used": 67_500,
            "remaining": 32_500,
            "usage_percentage": 67.5,
            "period_start": told["quota"]["period_start"],
            "period_end": told["quota"]["period_end"],
        },
        "stats": {
            "total_tokens_used": 67_500,
            "analysis_count": 1,
            "last_analysis_at": told["stats"]["last_analysis_at"],
        },
        "balance": 82_500,
        "held": 2_000,
        "available": 80_500,
        "grants": [{"id": grant["id"], "source": "initial", "amount": 50_000, "left": 50_000, "expires_at": None}],
    }
    for at in (told["quota"]["period_start"], told["quota"]["period_end"], told["stats"]["last_analysis_at"]):
        assert INSTANT.fullmatch(at)


def test_a_balance_is_there_before_any_use(client, key, user):
    told = client.get(f"{BALANCES}/{user.id}", headers=key).json
    assert (told["available"], told["stats"]["last_analysis_at"]) == (150_000, None)


def test_prepaid_has_no_period(client, key):
    told = client.get(f"{BALANCES}/{make_user(tier='prepaid').id}", headers=key).json
    assert (told["quota"]["period_start"], told["quota"]["period_end"]) == (None, None)
    assert told["quota"]["usage_percentage"] == 0


def test_no_address_stands_in_a_path(client, key, user):
    response = client.get(f"{BALANCES}/{user.email}", headers=key)
    assert (response.status_code, list(response.json["errors"])) == (400, ["user"])


@pytest.mark.parametrize(
    "reference", ["f" * 24, "f" * 25, "external:gone", "external:", "0", "-1", "%7B%22$ne%22:1%7D"]
)
def test_nobody_has_no_balance(client, key, reference):
    response = client.get(f"{BALANCES}/{reference}", headers=key)
    assert (response.status_code, response.json["code"]) == (404, "not_found")


# --- who may ----------------------------------------------------------------------------------------------------------

CALLS = [("POST", USAGE), ("GET", f"{BALANCES}/external:u-17")]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_other_scopes_do_not_meter(client, user, method, path):
    headers = bearer(make_admin(), "self", "users.manage", "users.sign_in")
    body = {"json": {"user": str(user.id), "tokens": 1}} if method == "POST" else {}
    response = client.open(path, method=method, headers=headers, **body)
    assert (response.status_code, response.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_people_do_not_meter(client, user, method, path):
    sign_in(client, make_admin())
    body = {"json": {"user": str(user.id), "tokens": 1}} if method == "POST" else {}
    assert client.open(path, method=method, **body).status_code == 403


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_strangers_do_not_meter(client, user, method, path):
    body = {"json": {}} if method == "POST" else {}
    assert client.open(path, method=method, **body).status_code == 401
