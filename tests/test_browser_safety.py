"""What every kind of answer says to browsers and caches, and what a production server sets as cookies."""

import re

import pytest
from pymongo.errors import ServerSelectionTimeoutError

import config
from app import create_app
from app.access import public
from app.models.domain_error import TooManyAttempts
from app.security import HEADERS
from app.services import passwords, registration
from tests.chatting import make_talker
from tests.factories import PASSWORD, make_admin, make_user, sign_in
from tests.page_client import PageClient

JSON = {"Accept": "application/json"}
EVENTS = {"Accept": "text/event-stream"}
# Kind of answer: method, address, what is sent, the status.
PRIVATE = {
    "page": ("GET", "/account", {}, 200),
    "form that was refused": ("POST", "/settings", {"data": {"locale": "xx"}}, 400),
    "page that is not there": ("GET", "/no-such-page", {}, 404),
    "page with another method": ("DELETE", "/account", {}, 405),
    "page that is to echo": ("TRACE", "/account", {"headers": {"X-Secret": "inside"}}, 405),
    "page that is known already": ("GET", "/account/balance", {"headers": {"If-None-Match": "*"}}, 304),
    "file that is not there": ("GET", "/static/no-such-file.css", {}, 404),
    "form that is too large": ("POST", "/settings", {"data": {"name": "x" * 65_536}}, 413),
    "form that is none": ("POST", "/settings", {"json": {"name": "Ann"}}, 415),
    "form without its token": ("POST", "/settings", {"data": {}, "csrf": False}, 400),
    "page of somebody else's work": ("GET", "/admin/users", {}, 403),
    "redirect": ("GET", "/", {}, 303),
    "redirect for machines": ("GET", "/favicon.ico", {}, 301),
    "JSON": ("GET", "/api/token-requests/my-requests", {}, 200),
    "JSON of what is new": ("POST", "/api/token-requests", {"json": {"reason": "I ran out."}}, 201),
    "JSON that is to echo": ("TRACE", "/api/beta/request", {"headers": {"X-Secret": "inside"}}, 405),
    "JSON of an error": ("GET", "/api/nothing", {}, 404),
    "JSON that was refused": ("POST", "/api/token-requests", {"json": {}}, 400),
    "JSON without a caller": ("GET", "/api/beta/request", {"headers": {"Authorization": "Bearer no"}}, 401),
    "JSON from another site": ("POST", "/api/beta/request", {"origin": "https://evil.example"}, 403),
    "download": ("GET", "/account/ledger.csv", {}, 200),
    "own data": ("GET", "/settings/data/export.json", {}, 200),
    "stream of a page": ("POST", "/chat/stream", {"data": {"text": "Hello", "key": "a" * 32}}, 200),
    "stream of the API": ("POST", "/api/chat/message", {"json": {"msg": "Hello"}, "headers": EVENTS}, 200),
    "balance": ("GET", "/account/balance", {}, 200),
    "head alone": ("HEAD", "/account/balance", {}, 200),
    "defect": ("GET", "/defect", {}, 500),
    "database away": ("GET", "/away", {}, 503),
    "JSON of a database away": ("GET", "/api/away", {}, 503),
    "JSON for whoever asks too often": ("GET", "/api/limited", {}, 429),
    "foreign host": ("GET", "/account", {"headers": {"Host": "evil.example"}}, 400),
    "health": ("GET", "/healthz", {}, 200),
}
# The same for a user without tokens.
WITHOUT_TOKENS = {
    "page without tokens": ("POST", "/chat", {"data": {"text": "Hello", "key": "a" * 32}}, 402),
    "JSON without tokens": ("POST", "/api/chat/message", {"json": {"msg": "Hello"}}, 402),
}
FOR_ANY_CACHE = ("/api/catalogue.json", "/api/openapi.json", "/robots.txt", "/static/favicon.svg")


class LikeProduction(config.Production):
    """Production as it is, without the environment of whoever runs the tests, and with its log left to them."""

    TESTING: bool = True
    settings_customise_sources = classmethod(config.Testing.settings_customise_sources.__func__)


@pytest.fixture(scope="module")
def production(mongodb_uri):
    app = create_app(
        LikeProduction(SECRET_KEY="k" * 48, MONGODB_URI=mongodb_uri, PUBLIC_URL="https://desk.example.com")
    )
    app.test_client_class = PageClient
    return app


@pytest.fixture
def broken(app, monkeypatch):
    """Addresses of views that fail, in the place of some that are there."""

    def failing(error):
        @public
        def view():
            raise error

        return view

    for endpoint, error in (
        ("catalogue.catalogue", ValueError("inside")),
        ("ops.robots", ServerSelectionTimeoutError()),
        ("api_catalogue.catalogue", ServerSelectionTimeoutError()),
        ("api_catalogue.tokens", TooManyAttempts(retry_after=60)),
    ):
        monkeypatch.setitem(app.view_functions, endpoint, failing(error))
    monkeypatch.setitem(app.config, "PUBLIC_URL", "http://localhost")
    api = {"/api/away": "/api/catalogue.json", "/api/limited": "/api/tokens.json"}
    return {"/defect": "/catalogue", "/away": "/robots.txt", **api}


def check_private(kind, response, status):
    """It carries every header, and says that it is nobody else's."""
    assert response.status_code == status, (kind, response.text)
    headers = response.headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS, kind
    assert headers.getlist("Cache-Control") == ["no-store"], kind
    assert headers["X-Robots-Tag"] == "noindex, nofollow", kind
    assert "Server" not in headers, kind
    assert "inside" not in response.text, kind
    if response.data:
        assert headers["Content-Type"].endswith(("; charset=utf-8", "application/json")), kind
    if 301 <= status < 304:
        assert headers["Location"].startswith("/"), kind


def test_every_kind_of_answer_carries_every_header_and_stays_out_of_caches(app, broken):
    client = sign_in(app.test_client(), make_talker())
    for kind, (method, path, options, status) in PRIVATE.items():
        response = client.open(broken.get(path, path), method=method, **options)
        check_private(kind, response, status)
        if kind in ("download", "own data"):
            assert response.headers["Content-Disposition"].startswith("attachment; filename="), kind


def test_so_do_refusals_of_whoever_has_no_tokens_or_asks_too_often(app, monkeypatch):
    client = sign_in(app.test_client(), make_talker(0))
    for kind, (method, path, options, status) in WITHOUT_TOKENS.items():
        check_private(kind, client.open(path, method=method, **options), status)
    monkeypatch.setitem(app.config, "REQUESTS_A_MINUTE", 0)
    check_private("page for whoever asks too often", client.get("/account"), 429)


@pytest.mark.parametrize("path", FOR_ANY_CACHE)
def test_what_is_the_same_for_everybody_depends_on_no_cookie(client, path):
    response = sign_in(client, make_admin()).get(path)
    assert response.status_code == 200
    assert "Cookie" not in response.headers.get("Vary", "")
    assert "Set-Cookie" not in response.headers
    assert "no-store" not in response.headers["Cache-Control"]
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    if "ETag" in response.headers:
        again = client.get(path, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        names = ("Cache-Control", "Vary", *HEADERS)
        assert {name: again.headers.get(name) for name in names} == {name: response.headers.get(name) for name in names}


def test_no_other_site_reads_an_answer_but_of_the_catalogue(app):
    client = sign_in(app.test_client(), make_talker())
    for path in ("/account", "/api/beta/request", "/api/openapi.json", "/account/balance", "/static/favicon.svg"):
        response = client.get(path, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in response.headers, path
    response = client.get("/api/catalogue.json", headers={"Origin": "https://wallet.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_in_production_cookies_are_for_this_host_and_https_alone(production):
    make_user("ann@example.com", password=PASSWORD)
    client = production.test_client()
    at = {"base_url": "https://desk.example.com/", "headers": {"Referer": "https://desk.example.com/sign-in"}}
    page = client.get("/sign-in", **at)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    chosen = client.post("/language", data={"language": "en", "next": "/", "csrf_token": token}, csrf=False, **at)
    given = {"email": "ann@example.com", "password": PASSWORD, "csrf_token": token}
    response = client.post("/sign-in", data=given, csrf=False, **at)
    assert response.status_code == 303
    written = [*response.headers.getlist("Set-Cookie"), *chosen.headers.getlist("Set-Cookie")]
    cookies = {one.partition("=")[0]: set(one.split("; ")[1:]) for one in written}
    always = {"Secure", "HttpOnly", "SameSite=Lax"}
    assert cookies["__Host-tokendesk"] == {*always, "Path=/"}
    assert cookies["__Host-language"] >= {*always, "Path=/"}
    assert cookies["__Secure-device"] >= {*always, "Path=/sign-in"}
    assert not any(part.startswith("Domain") for parts in cookies.values() for part in parts)
    for path in ("/account", "/api/nothing", "/static/favicon.svg", "/no-such-page"):
        assert client.get(path, **at).headers["Strict-Transport-Security"] == "max-age=31536000", path
    schemes = client.get("/api/openapi.json", **at).json["components"]["securitySchemes"]
    assert schemes["session"]["name"] == "__Host-tokendesk"


def test_in_production_only_the_public_host_is_answered(production):
    client = production.test_client()
    for host, status in (("desk.example.com", 200), ("evil.example", 400), ("127.0.0.1", 400), ("", 400)):
        assert client.get("/sign-in", headers={"Host": host}).status_code == status, host


def test_registering_with_a_known_address_costs_the_same_work(app, monkeypatch):
    hashed = []
    real = passwords.hashed
    monkeypatch.setitem(app.config, "REGISTRATION", "open")
    monkeypatch.setattr(passwords, "hashed", lambda password: hashed.append(password) or real(password))
    for known in (False, True):
        hashed.clear()
        try:
            registration.register("ann@example.com", password=PASSWORD, name="", locale="en", address="192.0.2.1")
        except registration.users.AlreadyExists:
            assert known
        assert hashed == [PASSWORD]


def test_a_form_takes_no_files(client):
    response = client.post("/sign-in", data={"password": (__file__, "password.txt")})
    assert response.status_code == 400
    assert "take no files" in response.text


def test_operators_stay_what_somebody_has_written(client, statements, monkeypatch):
    """Whatever is written in a field or a query, it reaches the database as a value: no key of a filter is the caller's."""
    operators = ('{"$ne": ""}', "$where", "__raw__", "email__ne")
    heard = []
    monkeypatch.setattr(statements, "started", lambda event: heard.append(event.command))
    sign_in(client, make_admin())
    heard.clear()
    for text in operators:
        fields = {"email": text, "email[$ne]": text, "password": text, "password[$ne]": "", text: text}
        client.post("/sign-in", data=fields)
        client.post("/settings", data={"name": "A", "locale": "en", "time_zone": "UTC", text: text})
        for path in ("/admin/users", "/admin/requests", "/admin/messages", "/catalogue", "/chat/search"):
            query = {
                "q": text,
                "status": text,
                "kind": text,
                "tier": text,
                "cursor": text,
                "status[$ne]": "x",
                text: text,
            }
            assert client.get(path, query_string=query).status_code < 500, (path, text)
    keys = {key for command in heard for key in _keys({**command})}
    assert "filter" in keys
    assert keys.isdisjoint({*operators, "email[$ne]", "password[$ne]", "status[$ne]"})


def _keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)
