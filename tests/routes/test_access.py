"""The gate before every view: who passes, where the others are sent, and what ends a session."""

from datetime import timedelta

import pytest
import time_machine
from flask import Blueprint
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

import config
from app import access, clock, create_app
from app.access import public, requires, requires_any_permission, safe_next, signed_in
from app.models.permission import Permission
from app.services import user_changes
from tests.factories import OPERATOR, PASSWORD, make_admin, make_user, sign_in
from tests.page_client import PageClient


@pytest.fixture(scope="module")
def gated(mongodb_uri):
    """An app with one small view for each kind of access."""
    blueprint = Blueprint("rooms", __name__)

    def room(name, *decorators):
        def view():
            return access.actor().name if name == "whoami" else name, {"Content-Type": "text/plain"}

        for decorate in decorators:
            view = decorate(view)
        blueprint.add_url_rule(f"/rooms/{name}", name, view, methods=["GET", "POST"])
        blueprint.add_url_rule(f"/api/rooms/{name}", f"api_{name}", view, methods=["GET", "POST"])

    room("square", public)
    room("office", signed_in)
    room("whoami", signed_in)
    room("desk", requires(Permission.REQUESTS_REVIEW))
    room("vault", requires(Permission.USERS_READ, Permission.AUDIT_READ))
    room("hall", requires_any_permission)
    room("forgotten")
    blueprint.add_url_rule(
        "/rooms/form", "form", signed_in(lambda: ("sent", {"Content-Type": "text/plain"})), methods=["POST"]
    )
    app = create_app(config.Testing(MONGODB_URI=mongodb_uri))
    app.register_blueprint(blueprint)
    app.test_client_class = PageClient
    return app


@pytest.fixture
def client(gated):
    return gated.test_client()


def status(client, room):
    return client.get(f"/rooms/{room}").status_code


@pytest.mark.parametrize(
    ("roles", "opened"),
    [
        (None, {"square"}),
        ([], {"square", "office"}),
        (["support"], {"square", "office", "hall"}),
        (["reviewer"], {"square", "office", "hall", "desk"}),
        (["admin"], {"square", "office", "hall", "desk", "vault"}),
    ],
)
def test_each_room_opens_for_those_whom_it_is_for(client, roles, opened):
    if roles is not None:
        sign_in(client, make_user(roles=roles))
    rooms = {"square", "office", "desk", "vault", "hall", "forgotten"}
    answers = {room: status(client, room) for room in rooms}
    closed = 303 if roles is None else 403
    assert answers == {room: 200 if room in opened else closed for room in rooms}


def test_a_cookie_of_another_app_of_this_host_keeps_nobody_out(client):
    sign_in(client, make_user())
    client.set_cookie("remember_token", "somebody|elsewhere")
    assert client.get("/account").status_code == 200


def test_a_stranger_is_sent_to_sign_in_and_then_back(client):
    response = client.get("/rooms/office?b=2&c=%D0%B0")
    assert response.status_code == 303
    assert response.location == "/sign-in?next=/rooms/office?b%3D2%26c%3D%25D0%25B0"
    assert client.get("/rooms/office").location == "/sign-in?next=/rooms/office"


@pytest.mark.parametrize(
    ("referrer", "location"),
    [
        ("http://localhost/rooms/office?x=1", "/sign-in?next=/rooms/office?x%3D1"),
        ("http://elsewhere.example/rooms/office", "/sign-in"),
        ("http://localhost//elsewhere.example", "/sign-in"),
        ("nonsense", "/sign-in"),
        (None, "/sign-in"),
    ],
)
def test_a_stranger_who_sends_a_form_comes_back_to_its_page(client, referrer, location):
    response = client.post("/rooms/form", headers={"Referer": referrer} if referrer else {})
    assert (response.status_code, response.location) == (303, location)


def test_a_program_gets_its_answer_as_json(client):
    anonymous = client.get("/api/rooms/office")
    assert (anonymous.status_code, anonymous.json["code"]) == (401, "sign_in_needed")
    sign_in(client, make_user())
    refused = client.get("/api/rooms/desk")
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert client.get("/api/rooms/forgotten").status_code == 403


def test_an_unknown_address_is_not_found_for_everybody(client):
    assert client.get("/rooms/none").status_code == 404
    assert client.delete("/rooms/office").status_code == 405


def test_the_actor_is_the_user_who_is_signed_in(gated, client):
    sign_in(client, make_user(name="Ann"))
    assert client.get("/rooms/whoami").text == "Ann"


@pytest.mark.parametrize(
    "target",
    [
        *(None, "", " ", "chat", "chat/", "javascript:alert(1)", "https://evil.example", "https:evil.example"),
        *("//evil.example", "///evil.example", "\t//evil.example", " //evil.example", "http:///evil.example"),
        *("/\\evil.example", "\\\\evil.example", "/a\\..\\b"),
        *("/\t/evil.example", "/\n/evil.example", "/a\r\nSet-Cookie: x=1", "/a\0b", "/a\x7fb", "/\u2028", "/\ud800"),
        "/" + "a" * 2_000,
    ],
)
def test_a_way_back_that_could_leave_the_site_is_none(target):
    assert safe_next(target) is None


@pytest.mark.parametrize(
    "target",
    ["/", "/chat", "/requests/new?kind=quota", "/a//b", "/поиск?q=слово", "/@evil.example", "/a?u=https://x.example"],
)
def test_a_path_on_this_site_is_a_way_back(target):
    assert safe_next(target) == target


def test_a_forged_or_foreign_cookie_signs_nobody_in(client):
    for token in ("x" * 43, "", 17, None, {"$ne": None}, ["a"]):
        with client.session_transaction() as session:
            session[access.SESSION_KEY] = token
        assert status(client, "office") == 303
    client.set_cookie("tokendesk", "eyJsb2dpbiI6IngifQ.forged.forged")
    assert status(client, "office") == 303


@pytest.mark.parametrize(
    "change",
    [
        lambda user: user_changes.deactivate(user.id, by=OPERATOR),
        lambda user: user_changes.set_password(user.id, PASSWORD, by=OPERATOR),
        lambda user: user_changes.revoke_role(user.id, "support", by=OPERATOR),
    ],
    ids=["deactivation", "new password", "fewer permissions"],
)
def test_a_change_ends_the_session_at_the_next_request(client, change):
    make_admin()
    user = make_user(roles=["support"])
    sign_in(client, user)
    assert status(client, "hall") == 200
    change(user)
    assert status(client, "hall") == 303
    assert status(client, "office") == 303


def test_an_idle_session_ends(client):
    sign_in(client, make_user())
    with time_machine.travel(clock.now() + timedelta(hours=11)):
        assert status(client, "office") == 200
    with time_machine.travel(clock.now() + timedelta(hours=24)):
        assert status(client, "office") == 303


def test_a_session_and_its_user_take_one_read(client, monkeypatch):
    read = []
    sign_in(client, make_user())
    for name in ("find_one", "find", "aggregate"):
        real = getattr(Collection, name)
        monkeypatch.setattr(
            Collection,
            name,
            lambda self, *args, _real=real, **kw: read.append(self.name) or _real(self, *args, **kw),
        )
    assert status(client, "office") == 200
    assert read == ["login_sessions"]


@pytest.mark.parametrize(
    ("error", "expected"), [(ServerSelectionTimeoutError("no server"), 503), (OperationFailure("a defect", 2), 500)]
)
def test_a_session_that_cannot_be_read_is_asked_for_once(client, monkeypatch, error, expected):
    asked = []

    def fail(self, *args, **options):
        asked.append(self.name)
        raise error

    sign_in(client, make_user())
    monkeypatch.setattr(Collection, "aggregate", fail)
    assert status(client, "office") == expected
    assert asked == ["login_sessions"]


def test_a_public_page_that_asks_for_nobody_reads_nothing(client, monkeypatch):
    sign_in(client, make_user())
    for name in ("find", "aggregate"):
        monkeypatch.setattr(Collection, name, None)
    assert client.get("/healthz").status_code == 200
