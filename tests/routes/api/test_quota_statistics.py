"""`GET /api/admin/gallery-users/quota-statistics`, as the contract has it."""

from datetime import UTC, datetime

import pytest
import time_machine

from app.services import statistics, token_accounts, user_changes
from tests.factories import OPERATOR, bearer, make_admin, make_user, sign_in

PATH = "/api/admin/gallery-users/quota-statistics"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def headers():
    return bearer(make_user("reader@example.com", roles=["support"]), "users.read")


def test_it_has_exactly_the_shape_of_the_contract(client, headers):
    with time_machine.travel(NOON, tick=False):
        power = make_user("power_user@example.com", tier="pro")
        token_accounts.spend(power.id, 380_000, by=OPERATOR)
        token_accounts.spend(power.id, 20_001, by=OPERATOR)
        ada = make_user(name="Ada")
        token_accounts.spend(ada.id, 100_000, by=OPERATOR)
        statistics.take()
    response = client.get(PATH, headers=headers)
    assert (response.status_code, response.json) == (
        200,
        {
            "success": True,
            "data": {
                "overview": {"totalTokensUsed": 500_001, "totalAnalyses": 3, "averageTokensPerAnalysis": 166_667},
                "byTier": {
                    "free": {
                        # The reader too, who has no account yet.
                        "users": 2,
                        "totalTokensUsed": 100_000,
                        "averageUsagePercent": 50.0,
                        "quotaExceededCount": 1,
                    },
                    "pro": {
                        "users": 1,
                        "totalTokensUsed": 400_001,
                        "averageUsagePercent": 40.0,
                        "quotaExceededCount": 0,
                    },
                    "prepaid": {
                        "users": 0,
                        "totalTokensUsed": 0,
                        "averageUsagePercent": 0.0,
                        "quotaExceededCount": 0,
                    },
                },
                "topUsers": [
                    {
                        "userId": str(power.id),
                        "username": "power_user",
                        "tier": "pro",
                        "tokensUsed": 400_001,
                        "analysisCount": 2,
                    },
                    {
                        "userId": str(ada.id),
                        "username": "Ada",
                        "tier": "free",
                        "tokensUsed": 100_000,
                        "analysisCount": 1,
                    },
                ],
                "takenAt": "2026-03-10T12:00:00.000Z",
            },
        },
    )


def test_the_tiers_add_up_to_the_overview_also_after_a_change_of_tier(client, headers):
    for tier in ("free", "pro"):
        token_accounts.spend(make_user(tier=tier).id, 70, by=OPERATOR)
    mover = make_user()
    token_accounts.spend(mover.id, 5, by=OPERATOR)
    user_changes.set_tier(mover.id, "prepaid", by=OPERATOR)
    statistics.take()
    data = client.get(PATH, headers=headers).json["data"]
    assert {name: tier["totalTokensUsed"] for name, tier in data["byTier"].items()} == {
        "free": 70,
        "pro": 70,
        "prepaid": 5,
    }
    assert data["overview"]["totalTokensUsed"] == 145


def test_with_nobody_there_every_figure_is_nothing(client, headers):
    statistics.take()
    data = client.get(PATH, headers=headers).json["data"]
    assert data["overview"] == {"totalTokensUsed": 0, "totalAnalyses": 0, "averageTokensPerAnalysis": 0}
    assert data["topUsers"] == []


def test_an_admins_session_may_read_it(client):
    statistics.take()
    assert sign_in(client, make_admin()).get(PATH).status_code == 200


def test_before_they_were_taken_it_says_when_to_ask_again(client, headers, statements):
    response = client.get(PATH, headers=headers)
    assert (response.status_code, response.json["code"]) == (503, "not_taken_yet")
    assert int(response.headers["Retry-After"]) >= 1
    assert not {"aggregate token_accounts", "aggregate users"} & set(statements.said)


@pytest.mark.parametrize("scopes", [["self"], ["requests.review"], ["usage.write"]])
def test_a_key_without_the_scope_is_denied(client, scopes):
    response = client.get(PATH, headers=bearer(make_admin(), *scopes))
    assert (response.status_code, response.json["code"]) == (403, "forbidden")


def test_a_user_is_denied_and_a_stranger_is_asked_who_calls(client):
    assert client.get(PATH).status_code == 401
    assert sign_in(client, make_user()).get(PATH).status_code == 403


def test_it_takes_no_fields(client, headers):
    response = client.get(f"{PATH}?tier=free", headers=headers)
    assert (response.status_code, response.json["code"]) == (400, "invalid_input")
