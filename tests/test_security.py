"""The gate before every view and the headers behind it."""

import pytest
from flask import request

import config
from app import create_app
from app.access import public
from tests.factories import make_user, sign_in
from tests.page_client import text_of


def test_every_answer_carries_the_security_headers(client):
    for path in ("/sign-in", "/no-such-page", "/healthz", "/static/favicon.svg"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in headers


def test_pages_stay_out_of_caches_and_search_engines(client):
    for path in ("/sign-in", "/no-such-page"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Robots-Tag"] == "noindex, nofollow"


def test_static_files_may_be_cached(client):
    assert "no-store" not in client.get("/static/favicon.svg").headers["Cache-Control"]


def test_in_production_browsers_are_told_to_stay_with_https(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "ENVIRONMENT", "production")
    assert client.get("/sign-in").headers["Strict-Transport-Security"] == f"max-age={365 * 24 * 3600}"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client):
    cookie = sign_in(client, make_user()).get_cookie("tokendesk")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"


@pytest.mark.parametrize("host", ["evil.example.com", "desk.example.com.evil.com", "evil.com:443", "a b", ""])
def test_a_foreign_host_is_refused(client, app, monkeypatch, host):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://desk.example.com")
    assert client.get("/sign-in", headers={"Host": host}).status_code == 400


def test_the_public_host_is_answered_on_any_port(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://desk.example.com")
    assert client.get("/sign-in", headers={"Host": "desk.example.com:8443"}).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/xml", None])
def test_a_form_route_takes_forms_only(client, content_type):
    response = client.post("/sign-in", data=b'{"email": {"$ne": ""}}', content_type=content_type)
    assert response.status_code == 415
    assert "takes forms only" in text_of(response)


def test_a_form_without_its_token_is_refused(client):
    response = client.post("/sign-in", data={"email": "ann@example.com"}, csrf=False)
    assert response.status_code == 400
    assert "reload the page" in text_of(response)


def test_a_form_with_a_forged_token_is_refused(client):
    client.get("/sign-in")
    assert client.post("/sign-in", data={"csrf_token": "forged"}).status_code == 400


def test_a_wrong_method_names_the_right_ones(client):
    response = client.delete("/sign-in")
    assert response.status_code == 405
    assert {"GET", "POST"} <= {method.strip() for method in response.headers["Allow"].split(",")}


def test_a_body_over_the_limit_is_refused(client):
    assert client.post("/sign-in", data={"email": "x" * 65_536}).status_code == 413


@pytest.mark.parametrize(("path", "status"), [("/sign-in?next=%00", 400), ("/sign-in?%00=1", 400), ("/%00", 404)])
def test_a_nul_in_the_address_is_refused(client, path, status):
    assert client.get(path).status_code == status


def test_a_nul_in_a_form_is_refused(client):
    assert client.post("/sign-in", data={"email": "a\0b"}).status_code == 400


def test_bytes_that_are_no_text_do_no_harm(client):
    assert client.get("/sign-in?next=%ff%fe").status_code == 200
    form = b"csrf_token=%ff&email=%ed%a0%80"
    assert client.post("/sign-in", data=form, content_type="application/x-www-form-urlencoded").status_code == 400


def test_proxies_are_believed_only_where_they_are_configured(app, mongodb_uri, monkeypatch):
    @public
    def view():
        return f"{request.scheme} {request.remote_addr}", {"Content-Type": "text/plain"}

    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https"}
    seen = []
    for each in (app, create_app(config.Testing(MONGODB_URI=mongodb_uri, TRUSTED_PROXIES=1))):
        monkeypatch.setitem(each.view_functions, "ops.healthz", view)
        seen.append(each.test_client().get("/healthz", headers=forwarded).text)
    assert seen == ["http 127.0.0.1", "https 203.0.113.9"]
