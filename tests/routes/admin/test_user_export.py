"""Taking a user's ledger along, as an admin."""

import json

import pytest
from bson import ObjectId

from app.models.audit_event import AuditEvent
from app.services import token_accounts
from tests.factories import OPERATOR, make_user, sign_in
from tests.guards.routes import everything

NOBODY = ["f" * 24, "f" * 23, "f" * 25, "1", "abc", "$ne", "%20", "ada@example.com", "٣" * 24, "9" * 400]


@pytest.fixture
def ada():
    user = make_user("ada@example.com")
    token_accounts.spend(user.id, 700, by=OPERATOR, description="@SUM(1)")
    return user


@pytest.fixture
def client(client):
    return sign_in(client, make_user(roles=["support"]))


def test_a_users_ledger_is_a_file(client, ada):
    response = client.get(f"/admin/users/{ada.id}/ledger.csv")
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith(f"attachment; filename=ledger-{ada.id}-")
    assert response.headers["Cache-Control"] == "no-store"
    head, *rows = response.data.decode("utf-8-sig").splitlines()
    assert head.startswith("seq,at,type,amount,before,after,description")
    assert ",usage,-700,150000,149300,'@SUM(1),The tests," in rows[2]


def test_a_type_is_a_filter(client, ada):
    rows = client.get(f"/admin/users/{ada.id}/ledger.jsonl?type=usage").text.splitlines()
    assert [json.loads(row)["description"] for row in rows] == ["@SUM(1)"]
    assert client.get(f"/admin/users/{ada.id}/ledger.jsonl?type=nonsense").status_code == 400


def test_reading_changes_nothing_and_the_trail_keeps_it(client, ada):
    before = everything()
    client.get(f"/admin/users/{ada.id}/ledger.csv")
    after = everything()
    event = after["audit_events"].pop()
    assert (event["action"], event["object"]["id"]) == ("ledger.export", str(ada.id))
    assert after == before
    assert AuditEvent.objects(action__startswith="account").count() == 0


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("user", NOBODY)
def test_nobody_is_not_found(client, user, ending):
    assert client.get(f"/admin/users/{user}/ledger.{ending}").status_code == 404


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_it_needs_the_permission(app, ada, ending):
    path = f"/admin/users/{ada.id}/ledger.{ending}"
    assert app.test_client().get(path).status_code == 303
    assert sign_in(app.test_client(), ada).get(path).status_code == 403
    assert sign_in(app.test_client(), make_user()).get(f"/admin/users/{ObjectId()}/ledger.{ending}").status_code == 403
