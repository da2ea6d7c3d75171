"""Quota administration through the API, as existing clients send and expect it: the account, and who may."""

import re
from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.account import GrantSource
from app.services import token_accounts
from tests.factories import OPERATOR, bearer, make_admin, make_user, sign_in
from tests.routes.api.gallery.calls import CHANGES, PATH, both, entries, get, post

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NOBODY = ["f" * 24, "f" * 23, "f" * 25, "g" * 24, "1", "-1", "abc", "$ne", "{}", "%20", "external:u-17"]
NOBODY += ["ada@example.com", "٣" * 24, "..%2f1", "9" * 400]


# --- the account ------------------------------------------------------------------------------------------------------


def test_the_quota_has_every_field(client, ada):
    response = get(client, ada)
    assert response.status_code == 200
    data = response.json["data"]
    account = token_accounts.view(ada.id)
    assert response.json == {
        "success": True,
        "data": {
            "userId": str(ada.id),
            "tier": "free",
            "quota": {
                "limit": 100_000,
                "used": 67_500,
                "remaining": 32_500,
                "usagePercentage": 67.5,
                "periodStart": clock.iso(account.period_start),
                "periodEnd": clock.iso(account.period_start + timedelta(days=7)),
            },
            "stats": {
                "totalTokensUsed": 67_500,
                "analysisCount": 1,
                "lastAnalysisAt": clock.iso(account.last_spend_at),
            },
            "balance": 82_500,
            "held": 0,
            "available": 82_500,
            "grants": [
                {
                    "id": str(account.grants[0].id),
                    "source": "initial",
                    "amount": 50_000,
                    "left": 50_000,
                    "expiresAt": None,
                }
            ],
        },
    }
    assert type(data["quota"]["usagePercentage"]) is float
    assert INSTANT.fullmatch(data["quota"]["periodStart"])


def test_holds_and_expiring_grants_are_told(client, ada):
    expires_at = clock.now() + timedelta(days=3)
    token_accounts.grant(ada.id, 700, source=GrantSource.BETA, by=OPERATOR, reason="Beta", expires_at=expires_at)
    token_accounts.hold(ada.id, 400, by=OPERATOR)
    data = get(client, ada).json["data"]
    assert (data["balance"], data["held"], data["available"]) == (83_200, 400, 82_800)
    assert (data["grants"][1]["source"], data["grants"][1]["expiresAt"]) == ("beta", clock.iso(expires_at))
    # The allowance alone.
    assert data["quota"]["remaining"] == 32_500


def test_before_the_first_use_there_is_the_account_that_it_will_make(client):
    user = make_user()
    data = get(client, user).json["data"]
    assert (data["quota"]["used"], data["balance"], data["stats"]["lastAnalysisAt"]) == (0, 150_000, None)
    assert entries() == ([], [])


def test_without_an_allowance_there_is_no_period_and_no_percentage(client):
    data = get(client, make_user(tier="prepaid")).json["data"]
    assert data["quota"] == {
        "limit": 0,
        "used": 0,
        "remaining": 0,
        "usagePercentage": 0.0,
        "periodStart": None,
        "periodEnd": None,
    }
    assert (data["tier"], data["balance"]) == ("prepaid", 50_000)


def test_a_lower_tier_leaves_nothing_and_no_more_than_all(client):
    user = make_user(tier="pro")
    token_accounts.spend(user.id, 250_000, by=OPERATOR)
    token_accounts.change_tier(user.id, "free", by=OPERATOR, reason="Smaller plan")
    quota = get(client, user).json["data"]["quota"]
    assert (quota["used"], quota["remaining"], quota["usagePercentage"]) == (250_000, 0, 100.0)


def test_a_lapsed_period_counts_as_a_new_one(client, ada, app):
    with time_machine.travel(clock.now() + timedelta(days=8)):
        again = sign_in(app.test_client(), make_admin())
        quota = get(again, ada).json["data"]["quota"]
    assert (quota["used"], quota["remaining"]) == (0, 100_000)


READS = ["", "/history"]


@pytest.mark.parametrize("user", NOBODY)
def test_nobody_is_not_found(client, user):
    answers = [get(client, user, what) for what in READS] + [post(client, user, what, body) for what, body in CHANGES]
    for answer in answers:
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
        if "%2f" not in user:
            assert answer.json["message"] == answer.json["error"] == "Gallery user not found"
    assert entries() == ([], [])


@both
def test_nobody_changes_their_own_tokens(client, admin, what, body):
    token_accounts.spend(admin.id, 500, by=OPERATOR)
    before = entries()
    for headers in ({}, bearer(admin, "users.manage")):
        response = post(client, admin, what, body, headers=headers)
        assert (response.status_code, response.json["code"]) == (403, "forbidden")
        assert response.json["message"] == "You cannot change your own tokens."
    assert entries() == before
    assert get(client, admin).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "reads", "changes"),
    [
        (["users.read"], 200, 403),
        (["users.manage"], 403, 200),
        (["users.read", "users.manage"], 200, 200),
        (["self", "usage.write", "requests.review", "audit.read"], 403, 403),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_key_does_what_its_scopes_say(app, ada, scopes, reads, changes):
    client, headers = app.test_client(), bearer(make_admin(), *scopes)
    before = entries()
    assert [get(client, ada, what, headers=headers).status_code for what in READS] == [reads] * 2
    assert [post(client, ada, what, body, headers=headers).status_code for what, body in CHANGES] == [changes] * 2
    assert (entries() == before) is (changes == 403)


@pytest.mark.parametrize(("roles", "reads"), [([], 403), (["support"], 200), (["reviewer"], 200)])
def test_who_only_reads_changes_nothing(app, ada, roles, reads):
    client, before = sign_in(app.test_client(), make_user(roles=roles)), entries()
    assert [get(client, ada, what).status_code for what in READS] == [reads] * 2
    assert [post(client, ada, what, body).status_code for what, body in CHANGES] == [403, 403]
    assert entries() == before


def test_a_stranger_is_told_to_sign_in(app, ada):
    client = app.test_client()
    assert [get(client, ada, what).status_code for what in READS] == [401] * 2
    assert [post(client, ada, what, body).status_code for what, body in CHANGES] == [401] * 2


@both
def test_a_session_must_come_from_our_own_pages(client, ada, what, body):
    before = entries()
    for origin in ("https://evil.example", None):
        response = post(client, ada, what, body, origin=origin)
        assert (response.status_code, response.json["code"]) == (403, "origin")
    assert entries() == before
    assert post(client, ada, what, body, origin="http://localhost").status_code == 200


def test_another_method_is_told_which_there_are(client, ada):
    assert "GET" in client.delete(f"{PATH}/{ada.id}/quota").headers["Allow"]
    assert "POST" in client.get(f"{PATH}/{ada.id}/quota/reset").headers["Allow"]
