"""Links by which the host product signs its users in: making them."""

from datetime import UTC, datetime

import pytest
import time_machine

from app.models.audit_event import AuditEvent
from app.models.sign_in_link import SignInLink
from app.models.user import User
from app.services import user_changes
from tests.factories import OPERATOR, bearer, make_admin, make_user, sign_in

PATH = "/api/sign-in-links"


@pytest.fixture
def user():
    user = make_user()
    User.objects(id=user.id).update(external_id="u-17")
    return user


@pytest.fixture
def key():
    return bearer(make_admin(), "users.sign_in")


@pytest.fixture
def link(client, key, user):
    def call(**body):
        return client.post(PATH, json={"user": "external:u-17", **body}, headers=key)

    return call


def test_a_link_is_made(link, user):
    with time_machine.travel(datetime(2026, 3, 10, 12, 0, tzinfo=UTC), tick=False):
        response = link(next="/requests/new?kind=quota")
    assert response.status_code == 201
    assert response.json == {"url": response.json["url"], "expires_at": "2026-03-10T12:15:00.000Z"}
    base, _, token = response.json["url"].rpartition("/")
    assert (base, len(token)) == ("http://localhost/sign-in/link", 43)
    stored = SignInLink.objects.get()
    assert token not in str(stored.to_mongo())
    assert (stored.user, stored.next, stored.used_at) == (user.id, "/requests/new?kind=quota", None)


def test_a_link_leads_to_the_sites_own_address(link, app, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://localhost/")
    assert link().json["url"].startswith("https://localhost/sign-in/link/")


def test_making_one_leaves_an_event(link, user):
    link()
    event = AuditEvent.objects.get(action="sign_in_link.create")
    assert (event.actor["kind"], event.object["user"], event.object["kind"]) == ("key", str(user.id), "sign_in_link")
    assert event.on_behalf_of is not None


def test_a_link_leads_home_unless_it_says_otherwise(link):
    link()
    assert SignInLink.objects.get().next == "/"


ELSEWHERE = ["requests", "//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]


@pytest.mark.parametrize(
    "target", [*ELSEWHERE, "", "/a\nb", "/a\tb", "/" + "x" * 2_000, None, 7, ["/"], {"$ne": ""}], ids=repr
)
def test_a_link_leads_to_a_path_on_this_site_only(link, target):
    response = link(next=target)
    assert (response.status_code, list(response.json["errors"])) == (400, ["next"])
    assert SignInLink.objects.count() == 0


@pytest.mark.parametrize("values", [{"password_hash": "x"}, {"permissions": ["users.read"]}], ids=str)
def test_nobody_with_a_password_or_a_permission_is_signed_in_so(link, user, values):
    User.objects(id=user.id).update(**values)
    response = link()
    assert (response.status_code, response.json["code"]) == (409, "user_protected")
    assert SignInLink.objects.count() == 0


def test_a_deactivated_user_is_not_signed_in(link, user):
    user_changes.deactivate(user.id, by=OPERATOR)
    response = link()
    assert (response.status_code, response.json["code"]) == (403, "user_inactive")


@pytest.mark.parametrize("reference", ["external:gone", "f" * 24, "nobody@example.com", "x"])
def test_nobody_is_not_found(link, reference):
    assert link(user=reference).status_code == 404


@pytest.mark.parametrize(("body", "field"), [({"user": 7}, "user"), ({"user": None}, "user"), ({"ttl": 5}, "ttl")])
def test_other_fields_are_checked_by_name(link, body, field):
    response = link(**body)
    assert (response.status_code, list(response.json["errors"])) == (400, [field])


def test_only_a_key_with_the_scope_may(app, user):
    body = {"user": str(user.id)}
    others = bearer(make_admin(), "self", "users.manage", "usage.write")
    assert app.test_client().post(PATH, json=body, headers=others).status_code == 403
    assert sign_in(app.test_client(), make_admin()).post(PATH, json=body).status_code == 403
    assert app.test_client().post(PATH, json=body).status_code == 401
