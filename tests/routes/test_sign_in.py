"""Signing in and out as a browser does it."""

import pytest
from mongoengine.connection import get_db

from app.access import SESSION_KEY
from app.services import user_changes
from tests.factories import OPERATOR, PASSWORD, make_user, sign_in
from tests.page_client import text_of

EMAIL = "ann@example.com"


@pytest.fixture
def ann():
    return make_user(EMAIL, password=PASSWORD)


def send(client, email=EMAIL, password=PASSWORD, url="/sign-in", **options):
    return client.post(url, data={"email": email, "password": password}, **options)


def is_signed_in(client):
    return client.get("/sign-in").status_code == 303


def test_the_page_shows_a_form_that_browsers_can_fill_in(client):
    page = client.get("/sign-in")
    assert page.status_code == 200
    for expected in (
        'type="email"',
        'autocomplete="username"',
        'type="password"',
        'autocomplete="current-password"',
        "autofocus",
    ):
        assert expected in page.text
    assert page.text.count("autofocus") == 1
    assert page.headers["Cache-Control"] == "no-store"


def test_the_right_password_signs_in(client, ann):
    response = send(client)
    assert (response.status_code, response.location) == (303, "/")
    assert is_signed_in(client)
    assert get_db().login_sessions.count_documents({"user": ann.id}) == 1


def test_the_cookies_are_out_of_the_reach_of_scripts_and_other_sites(client, ann):
    cookies = {cookie.partition("=")[0]: cookie for cookie in send(client).headers.getlist("Set-Cookie")}
    assert set(cookies) == {"tokendesk", "device"}
    for cookie in cookies.values():
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Domain" not in cookie
    assert "Path=/sign-in" in cookies["device"]
    assert "Expires" not in cookies["tokendesk"]


def test_in_production_the_cookies_are_for_https_only(app, client, ann, monkeypatch):
    monkeypatch.setitem(app.config, "SESSION_COOKIE_SECURE", True)
    assert all("Secure" in cookie for cookie in send(client).headers.getlist("Set-Cookie"))


def test_signing_in_takes_nothing_over_from_the_session_before(client, ann):
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
        session[SESSION_KEY] = planted = "x" * 43
    send(client)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session[SESSION_KEY] != planted


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/requests/7?from=mail", "/requests/7?from=mail"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nX: y", "/"),
        ("", "/"),
    ],
)
def test_afterwards_the_reader_is_where_they_wanted_to_be_on_this_site(client, ann, target, location):
    assert send(client, query_string={"next": target}).location == location
    assert client.get("/sign-in", query_string={"next": target}).location == location


def test_the_way_back_survives_a_wrong_password(client, ann):
    page = send(client, password="wrong", query_string={"next": "/account?before=3"})
    assert 'action="/sign-in?next=/account?before%3D3"' in page.text


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com", "no e-mail"])
def test_a_wrong_password_and_an_unknown_email_look_alike(client, ann, email):
    page = send(client, email=email, password="wrong password")
    assert page.status_code == 401
    assert "E-mail or password is wrong." in text_of(page)
    assert f'value="{email}"' in page.text
    assert "wrong password" not in page.text
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("email", "password", "said"),
    [
        ("", PASSWORD, "Enter your e-mail address."),
        ("   ", "", "Enter your password."),
        (EMAIL, "", "Enter your password."),
        ("x" * 255, PASSWORD, "254"),
        (EMAIL, "x" * 201, "200"),
    ],
)
def test_what_is_missing_or_too_long_is_said_at_its_field(client, ann, email, password, said):
    page = send(client, email=email, password=password)
    assert page.status_code == 400
    assert said in text_of(page)
    assert 'aria-invalid="true"' in page.text


@pytest.mark.parametrize("email", ["анна@example.com", "<script>alert(1)</script>", "' OR 1=1 --", "{'$ne': 1}", "%00"])
def test_strange_input_is_a_wrong_password_and_no_more(client, ann, email):
    page = send(client, email=email, password="пароль 🔑 \u202e")
    assert page.status_code == 401
    assert "<script>alert" not in page.text


def test_nul_and_huge_and_operator_input_is_refused(client, ann):
    assert send(client, email="ann@example.com\0").status_code == 400
    assert send(client, email="x" * 70_000).status_code == 413
    assert client.post("/sign-in", data={"email[$ne]": "", "password[$ne]": ""}).status_code == 400
    assert client.post("/sign-in", json={"email": EMAIL, "password": PASSWORD}).status_code in (400, 415)
    assert get_db().login_sessions.count_documents({}) == 0


def test_a_form_without_its_token_is_refused(client, ann):
    assert send(client, csrf=False).status_code == 400
    assert client.post("/sign-out", csrf=False).status_code == 400
    assert not is_signed_in(client)


def test_too_many_attempts_are_told_with_the_time_to_wait(client, ann):
    for _ in range(10):
        send(client, email="nobody@example.com", password="wrong")
    page = send(client)
    assert page.status_code == 429
    assert "Too many attempts" in text_of(page)
    assert int(page.headers["Retry-After"]) > 0
    assert f'value="{EMAIL}"' in page.text


def test_a_browser_that_signed_in_before_is_not_kept_out(client, ann):
    send(client)
    client.post("/sign-out")
    for _ in range(11):
        send(client, password="wrong")
    assert send(client, password="wrong").status_code == 429
    assert send(client).status_code == 303


@pytest.mark.parametrize("forged", ["x", "InggIg.forged", '"x"'])
def test_a_device_cookie_that_we_did_not_sign_is_none(client, ann, forged):
    client.set_cookie("device", forged, path="/sign-in")
    assert send(client).status_code == 303
    assert client.get_cookie("device", path="/sign-in").value != forged


def test_an_inactive_user_learns_it_with_the_right_password(client, ann):
    user_changes.deactivate(ann.id, by=OPERATOR)
    page = send(client)
    assert page.status_code == 403
    assert "This account is deactivated." in text_of(page)


def test_whoever_is_signed_in_is_sent_on(client, ann):
    sign_in(client, ann)
    assert client.get("/sign-in").location == "/"
    assert send(client, password="wrong").location == "/"


def test_signing_out_ends_the_session_on_the_server(client, ann):
    sign_in(client, ann)
    cookie = client.get_cookie("tokendesk").value
    response = client.post("/sign-out")
    assert (response.status_code, response.location) == (303, "/sign-in")
    assert "You have signed out." in text_of(client.get("/sign-in"))
    client.set_cookie("tokendesk", cookie)
    assert not is_signed_in(client)


def test_signing_out_twice_is_no_error_and_needs_a_form(client):
    assert client.post("/sign-out").status_code == 303
    assert client.get("/sign-out").status_code == 405


def test_a_session_that_ended_says_so_once_and_leaves_no_trace(client, ann):
    sign_in(client, ann)
    get_db().login_sessions.delete_many({})
    page = client.get("/account", follow_redirects=True)
    assert page.request.path == "/sign-in"
    assert "Your session has ended. Please sign in again." in text_of(page)
    assert "Your session has ended" not in text_of(client.get("/sign-in"))
    with client.session_transaction() as session:
        assert SESSION_KEY not in session
