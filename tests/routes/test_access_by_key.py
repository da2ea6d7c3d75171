"""The gate before the API, for programs with a key and for our own pages with a session."""

from datetime import timedelta

import pytest
import time_machine
from flask import Blueprint, g, jsonify
from flask_login import current_user
from mongoengine.connection import get_db
from pymongo.collection import Collection
from pymongo.errors import ServerSelectionTimeoutError

import config
from app import access, clock, create_app
from app.access import owner_or, public, requires, requires_any_permission, signed_in
from app.extensions import csrf
from app.models.permission import Permission
from app.models.user import User
from app.services import api_keys, user_changes
from tests.factories import OPERATOR, actor_of, bearer, make_admin, make_user, sign_in
from tests.page_client import PageClient

METHODS = ["GET", "POST", "PUT", "DELETE"]


@pytest.fixture(scope="module")
def gated(mongodb_uri):
    """An app with one small view for each kind of access, as a page and under /api."""
    blueprint = Blueprint("rooms", __name__)

    def room(name, *decorators):
        def view():
            return jsonify(name) if name != "whoami" else jsonify(_whoami())

        for decorate in decorators:
            view = decorate(view)
        blueprint.add_url_rule(f"/rooms/{name}", name, view, methods=METHODS)
        blueprint.add_url_rule(f"/api/rooms/{name}", f"api_{name}", view, methods=METHODS)

    room("square", public)
    room("office", signed_in)
    room("whoami", signed_in)
    room("desk", requires(Permission.REQUESTS_REVIEW))
    room("vault", requires(Permission.USERS_READ, Permission.AUDIT_READ))
    room("meter", requires(Permission.USAGE_WRITE))
    room("hall", requires_any_permission)
    room("counter", owner_or(Permission.USAGE_WRITE))
    room("porch", owner_or())
    room("forgotten")
    app = create_app(config.Testing(MONGODB_URI=mongodb_uri))
    csrf.exempt(blueprint)
    app.register_blueprint(blueprint)
    app.test_client_class = PageClient
    return app


def _whoami():
    by = access.actor()
    held = [permission for permission in Permission if current_user.has(permission)]
    return {**by.trail(), "person": by.person, "key": "api_key" in g, "held": held}


@pytest.fixture
def client(gated):
    return gated.test_client()


def enter(client, room, headers=None, method="GET", **options):
    """The status, and the code of a refusal."""
    response = client.open(f"/api/rooms/{room}", method=method, headers=headers, origin=None, **options)
    return response.status_code, response.json["code"] if response.status_code >= 400 else None


ROOMS = ["square", "office", "desk", "vault", "meter", "hall", "counter", "porch", "forgotten"]


def open_rooms(client, headers):
    entered = {room: enter(client, room, headers) for room in ROOMS}
    assert {said for said in entered.values() if said[0] != 200} <= {(403, "forbidden")}
    return {room for room, (status, _) in entered.items() if status == 200}


# --- who passes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "opened"),
    [
        (["self"], {"office", "counter", "porch"}),
        (["requests.review"], {"desk", "hall"}),
        (["users.read"], {"hall"}),
        (["users.read", "audit.read"], {"vault", "hall"}),
        (["usage.write"], {"meter", "counter", "hall"}),
        (["users.sign_in"], {"hall"}),
        (["self", "requests.review"], {"office", "counter", "porch", "desk", "hall"}),
    ],
)
def test_a_key_opens_what_its_scopes_are_for(client, scopes, opened):
    assert open_rooms(client, bearer(make_admin(), *scopes)) == {"square", *opened}


def test_a_session_opens_what_the_user_may(client):
    sign_in(client, make_admin())
    assert open_rooms(client, {}) == {"square", "office", "desk", "vault", "hall", "counter", "porch"}
    sign_in(client, make_user())
    assert open_rooms(client, {}) == {"square", "office", "counter", "porch"}


def test_a_metering_key_needs_no_permission_of_its_owner(client):
    assert open_rooms(client, bearer(make_user(), "usage.write")) == {"square", "meter", "counter", "hall"}


def test_what_the_owner_loses_the_key_loses(client):
    make_admin()
    admin = make_admin()
    headers = bearer(admin, "self", "requests.review")
    assert enter(client, "desk", headers) == (200, None)
    user_changes.revoke_role(admin.id, "reviewer", by=OPERATOR)
    assert enter(client, "desk", headers) == (403, "forbidden")
    assert enter(client, "office", headers) == (200, None)


def test_the_allowlist_counts_for_the_owner_too(gated, client, monkeypatch):
    headers = bearer(make_admin(), "self", "users.read", "audit.read", "usage.write")
    monkeypatch.setitem(gated.config, "ADMIN_EMAILS", ["boss@example.com"])
    assert open_rooms(client, headers) == {"square", "office", "counter", "porch"}
    assert client.get("/api/rooms/whoami", headers=headers).json["held"] == []


def test_a_refusal_says_what_is_missing(client):
    refused = client.get("/api/rooms/desk", headers=bearer(make_user(), "self"))
    assert refused.json["message"] == "This API key may not do that: it lacks the scope, or its owner the permission."


# --- who is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [
        *("Bearer tdk_" + "x" * 43, "bearer tdk_" + "x" * 43, "Bearer", "Bearer ", "Bearer x", "Bearer a b c"),
        *('Bearer token="tdk_x"', "Bearer $ne", "Bearer tdk_\xff" + "x" * 42, "Bearer " + "x" * 5_000),
    ],
)
def test_a_key_that_there_is_not_is_refused_whoever_is_signed_in(client, shown):
    sign_in(client, make_user())
    response = client.get("/api/rooms/office", headers={"Authorization": shown})
    assert (response.status_code, response.json["code"]) == (401, "bad_key")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_revoked_and_expired_keys_are_refused(client):
    ann = make_user()
    revoked, one = api_keys.create(ann.id, name="x", scopes=["self"], by=OPERATOR)
    api_keys.revoke(revoked.id, by=actor_of(ann))
    _, other = api_keys.create(
        ann.id, name="x", scopes=["self"], by=OPERATOR, expires_at=clock.now() + timedelta(days=1)
    )
    assert enter(client, "office", {"Authorization": f"Bearer {one}"}) == (401, "bad_key")
    assert enter(client, "office", {"Authorization": f"Bearer {other}"}) == (200, None)
    with time_machine.travel(clock.now() + timedelta(days=1)):
        assert enter(client, "office", {"Authorization": f"Bearer {other}"}) == (401, "bad_key")


def test_the_key_of_a_deactivated_user_says_so(client):
    ann = make_user()
    headers = bearer(ann, "self")
    user_changes.deactivate(ann.id, by=OPERATOR)
    assert enter(client, "office", headers) == (403, "user_inactive")
    assert enter(client, "square", headers) == (200, None)


def test_without_anything_a_program_is_asked_to_sign_in(client):
    response = client.get("/api/rooms/office")
    assert (response.status_code, response.json["code"]) == (401, "sign_in_needed")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert enter(client, "office", method="POST") == (401, "sign_in_needed")


@pytest.mark.parametrize("shown", ["Basic YTpi", "Basic !", "Digest a=b", "tdk_x", "", "Negotiate x"])
def test_other_schemes_are_not_ours(client, shown):
    assert enter(client, "office", {"Authorization": shown}) == (401, "sign_in_needed")
    sign_in(client, make_user())
    assert enter(client, "office", {"Authorization": shown}) == (200, None)


# --- pages ------------------------------------------------------------------------------------------------------------


def test_pages_take_no_keys(client):
    ann, bob = make_user(), make_user(name="Bob")
    headers = bearer(ann, "self")
    assert client.get("/rooms/office", headers=headers).status_code == 303
    sign_in(client, bob)
    assert client.get("/rooms/whoami", headers=headers).json["name"] == "Bob"
    assert get_db().api_keys.find_one()["owner"] == ann.id
    assert "last_used_at" not in get_db().api_keys.find_one()


# --- who it is --------------------------------------------------------------------------------------------------------


def test_the_actor_is_the_key_with_its_owner(client):
    admin = make_admin(name="Ann")
    headers = bearer(admin, "self", "users.read")
    key_id = str(get_db().api_keys.find_one()["_id"])
    said = client.get("/api/rooms/whoami", headers={**headers, "X-Request-ID": "request-1"}).json
    assert said == {
        "kind": "key",
        "id": key_id,
        "name": "A program",
        "batch": None,
        "on_behalf_of": str(admin.id),
        "person": str(admin.id),
        "address": "127.0.0.1",
        "request_id": "request-1",
        "key": True,
        "held": ["users.read"],
    }


def test_a_call_with_a_cookie_and_a_key_is_the_keys(client):
    sign_in(client, make_admin())
    headers = bearer(make_user(), "self")
    assert client.get("/api/rooms/whoami", headers=headers).json["kind"] == "key"
    assert enter(client, "desk", headers) == (403, "forbidden")
    assert enter(client, "desk") == (200, None)


def test_a_call_with_a_key_leaves_no_cookie(client):
    response = client.post("/api/rooms/office", headers=bearer(make_user(), "self"))
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers


def test_a_call_with_a_key_reads_once(client, monkeypatch):
    read = []
    headers = bearer(make_user(), "self")
    client.get("/api/rooms/office", headers=headers)
    for name in ("find_one", "find", "aggregate"):
        real = getattr(Collection, name)
        monkeypatch.setattr(
            Collection,
            name,
            lambda self, *args, _real=real, **kw: read.append(self.name) or _real(self, *args, **kw),
        )
    assert enter(client, "office", headers) == (200, None)
    assert read == ["api_keys"]


def test_a_key_that_cannot_be_read_is_asked_for_once(client, monkeypatch):
    asked = []

    def fail(self, *args, **options):
        asked.append(self.name)
        raise ServerSelectionTimeoutError("no server")

    headers = bearer(make_user(), "self")
    monkeypatch.setattr(Collection, "aggregate", fail)
    assert enter(client, "office", headers) == (503, "unavailable")
    assert asked == ["api_keys"]


# --- where a call comes from ------------------------------------------------------------------------------------------

OWN = [
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
]
FOREIGN = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "https://localhost"},
    {"Origin": "http://localhost:8080"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://LOCALHOST@evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Referer": "http://localhost/account"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", OWN)
@pytest.mark.parametrize("method", METHODS)
def test_our_own_pages_may_call_with_the_session(client, headers, method):
    sign_in(client, make_user())
    assert enter(client, "office", headers, method) == (200, None)


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_pages_may_change_nothing_with_the_session(client, headers, method):
    sign_in(client, make_user())
    assert enter(client, "office", headers, method) == (403, "origin")
    assert enter(client, "desk", headers, method) == (403, "origin")


@pytest.mark.parametrize("headers", FOREIGN)
def test_reading_needs_no_origin_and_neither_does_a_key(client, headers):
    key = bearer(make_user(), "self")
    sign_in(client, make_user())
    assert enter(client, "office", headers) == (200, None)
    assert enter(client, "office", {**headers, **key}, "POST") == (200, None)
    assert enter(client, "square", headers, "POST") == (200, None)


def test_behind_a_proxy_the_public_address_is_the_origin(gated, client, monkeypatch):
    sign_in(client, make_user())
    monkeypatch.setitem(gated.config, "PUBLIC_URL", "https://LocalHost/desk")
    assert enter(client, "office", {"Origin": "https://localhost"}, "POST") == (200, None)
    assert enter(client, "office", {"Origin": "http://localhost"}, "POST") == (403, "origin")


def test_an_unknown_address_is_not_found_for_a_key(client):
    headers = bearer(make_user(), "self")
    assert enter(client, "none", headers) == (404, "not_found")
    assert client.patch("/api/rooms/office", headers=headers).status_code == 405


def test_a_user_who_does_not_exist_any_more_has_no_key(client):
    ann = make_user()
    headers = bearer(ann, "self")
    User.objects(id=ann.id).delete()
    assert enter(client, "office", headers) == (401, "bad_key")
