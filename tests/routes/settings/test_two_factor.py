"""The page of two-factor sign-in, the second step of signing in, and the gate for those who must have it."""

import html
import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
import time_machine
from pyotp import parse_uri

from app import access, clock
from app.models.delivery import Delivery
from app.models.login_session import LoginSession
from app.models.user import User
from app.services import two_factor, users
from tests.factories import OPERATOR, PASSWORD, bearer, make_user, sign_in
from tests.page_client import text_of

URL = "/settings/two-factor"
EMAIL = "ann@example.com"
RECOVERY_CODE = re.compile(r"\b\d{5}-\d{5}-\d{5}-\d{5}\b")
STEP = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def hand():
    """The clock's hand, at rest in the middle of a time step."""
    with time_machine.travel(clock.now().replace(second=10, microsecond=0), tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann():
    return make_user(EMAIL, password=PASSWORD)


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


def setup_of(client):
    """What the page would have the app scan, and the form's hidden field."""
    page = client.get(URL).text
    return html.unescape(re.search(r'href="(otpauth:[^"]+)"', page)[1]), re.search(
        r'name="setup" value="([^"]+)"', page
    )[1]


def prove(client):
    """Does what the page says; its answer, and the app."""
    uri, setup = setup_of(client)
    app = parse_uri(uri)
    return client.post(URL, data={"setup": setup, "code": app.at(clock.now()), "password": PASSWORD}), app


def keep(client, page):
    """Presses the button under the recovery codes."""
    path, proof = re.search(
        r'action="([^"]+)">\s*(?:<[^>]+>\s*)?<input type="hidden" name="proof" value="([^"]+)"', page.text
    ).groups()
    return client.post(path, data={"proof": proof})


def turn_on(client):
    """The page with the recovery codes, which are kept, and the app."""
    page, app = prove(client)
    assert keep(client, page).location == URL
    return page, app


@pytest.fixture
def protected(client, hand):
    """Ann's app and recovery codes, when her code has passed."""
    page, app = turn_on(client)
    hand.shift(STEP)
    return app, RECOVERY_CODE.findall(page.text)


def first_step(stranger, target=None):
    return stranger.post("/sign-in", data={"email": EMAIL, "password": PASSWORD}, query_string={"next": target or ""})


def is_in(browser):
    return browser.get(URL).status_code == 200


# --- setting it up ----------------------------------------------------------------------------------------------------


def test_the_page_has_a_picture_to_scan_and_the_same_key_to_type(client):
    page = client.get(URL)
    picture = re.search(r'<img class="qr" src="data:image/svg\+xml;charset=utf-8,([^"]+)"', page.text)
    assert unquote(html.unescape(picture[1])).startswith("<svg")
    uri, _setup = setup_of(client)
    assert "issuer=Tokendesk" in uri
    assert "ann%40example.com" in uri
    key = re.search(r'id="setup-key">([A-Z2-7]{32})<', page.text)[1]
    assert len(key) == 32
    assert client.get(URL).text != page.text, "each look shows a new secret"


def test_a_code_turns_it_on_and_the_recovery_codes_are_shown_once(client, ann):
    other = LoginSession.objects.first().id
    page, _app = prove(client)
    assert page.status_code == 200
    assert not User.objects.get().has_two_factor
    assert keep(client, page).location == URL
    assert len({*RECOVERY_CODE.findall(page.text)}) == 10
    assert page.headers["Cache-Control"] == "no-store"
    again = client.get(URL)
    assert "Two-factor sign-in is on." in text_of(again)
    assert "10 recovery codes are left." in text_of(again)
    assert RECOVERY_CODE.search(again.text) is None
    assert [row.id for row in LoginSession.objects] != [other], "this browser goes on with a new session, others end"
    assert LoginSession.objects.count() == 1


def test_loading_the_answer_again_changes_nothing(client, protected):
    _app, codes = protected
    response = client.post(URL, data={"setup": "x", "code": "123456", "password": PASSWORD})
    assert (response.status_code, response.location) == (303, URL)
    assert len(User.objects.get().recovery_codes) == len(codes)


def test_a_second_click_loses_no_recovery_codes(client):
    """Its answer is what the browser shows: with codes that count when they are kept, or that it is on already."""
    prove(client)
    page, _app = prove(client)
    assert len(RECOVERY_CODE.findall(page.text)) == 10
    assert keep(client, page).location == URL
    assert keep(client, page).location == URL
    assert "Two-factor sign-in is on already." in text_of(client.get(URL))
    assert User.objects.get().has_two_factor


@pytest.mark.parametrize("path", ["turn-on", "recovery-codes/replace"])
def test_recovery_codes_that_nobody_was_shown_do_not_count(client, path):
    for form in ({}, {"proof": "x"}, {"proof": "x" * 5_000}):
        assert client.post(f"{URL}/{path}", data=form).location == URL
        assert "Begin again." in text_of(client.get(URL))
    assert User.objects.get().recovery_codes == []


def test_a_wrong_code_leaves_the_same_picture(client):
    uri, setup = setup_of(client)
    page = client.post(URL, data={"setup": setup, "code": "000000", "password": PASSWORD})
    assert page.status_code == 400
    assert "This code is wrong, or was used already." in text_of(page)
    assert uri in html.unescape(page.text)
    assert 'value="000000"' not in page.text
    assert PASSWORD not in page.text
    assert not User.objects.get().has_two_factor


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Enter the code."),
        ({"code": "123456"}, "Enter your password."),
        ({"code": "123456", "password": "another ponies battery"}, "This is not your password."),
        ({"code": "1" * 51, "password": PASSWORD}, "50"),
        ({"code": "12 34", "password": PASSWORD}, "open for too long"),
    ],
)
def test_what_is_wrong_with_the_form_is_said(client, form, said):
    page = client.post(URL, data=form)
    assert page.status_code == 400
    assert said in text_of(page)


def test_who_has_no_password_is_told_that_there_is_no_second_step(app):
    client = sign_in(app.test_client(), make_user())
    page = client.get(URL)
    assert "You sign in without a password" in text_of(page)
    assert 'name="setup"' not in page.text


def test_with_an_address_that_is_not_confirmed_the_page_sends_the_link_again(app, client, ann, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    User.objects(id=ann.id).update(email_confirmed=False)
    page = client.get(URL)
    assert "Confirm your e-mail address first." in text_of(page)
    assert 'action="/confirm-email"' in page.text
    assert 'name="setup"' not in page.text
    assert client.post(URL, data={"setup": "x", "code": "123456", "password": PASSWORD}).status_code == 403


# --- living with it ---------------------------------------------------------------------------------------------------


def test_new_recovery_codes_and_turning_it_off_need_a_code(client, protected):
    app, codes = protected
    for path, field in (("recovery-codes", "renew-code"), ("turn-off", "off-code")):
        for given, status in (({}, 400), ({field: "000000"}, 400)):
            page = client.post(f"{URL}/{path}", data=given)
            assert (page.status_code, RECOVERY_CODE.search(page.text)) == (status, None)
    page = client.post(f"{URL}/recovery-codes", data={"renew-code": codes[0]})
    assert page.status_code == 200
    assert not {*RECOVERY_CODE.findall(page.text)} & {*codes}
    assert keep(client, page).location == URL
    assert "Your new recovery codes count from now on." in text_of(client.get(URL))
    response = client.post(f"{URL}/turn-off", data={"off-code": app.at(clock.now())})
    assert (response.status_code, response.location) == (303, URL)
    assert "Two-factor sign-in is off." in text_of(client.get(URL))
    for path in ("recovery-codes", "turn-off"):
        assert client.post(f"{URL}/{path}", data={"renew-code": "1", "off-code": "1"}).location == URL


def test_a_new_phone_takes_the_place_of_the_old_one(client, protected, hand):
    url = f"{URL}/app"
    assert f'href="{url}"' in client.get(URL).text
    page = client.get(url).text
    app = parse_uri(html.unescape(re.search(r'href="(otpauth:[^"]+)"', page)[1]))
    form = {"setup": re.search(r'name="setup" value="([^"]+)"', page)[1], "code": app.at(clock.now())}
    for present, said in (("", "Enter the code."), ("000000", "This code is wrong")):
        refused = client.post(url, data={**form, "present": present})
        assert refused.status_code == 400
        assert said in text_of(refused)
    done = client.post(url, data={**form, "present": protected[0].at(clock.now())})
    assert (done.status_code, done.location) == (303, URL)
    hand.shift(STEP)
    assert client.post(f"{URL}/turn-off", data={"off-code": app.at(clock.now())}).status_code == 303
    assert client.get(url).location == URL, "it is off"


def test_strangers_and_keys_have_no_business_there(app, ann):
    for path in ("", "/turn-on", "/recovery-codes", "/recovery-codes/replace", "/turn-off"):
        assert app.test_client().post(URL + path).location.startswith("/sign-in")
        assert app.test_client().post(URL + path, headers=bearer(ann, "self")).location.startswith("/sign-in")
    assert app.test_client().get(URL).location == f"/sign-in?next={URL}"


# --- the second step of signing in ------------------------------------------------------------------------------------


def test_after_the_password_the_code_is_asked_for_and_the_reader_is_where_they_wanted_to_be(app, protected):
    browser = app.test_client()
    response = first_step(browser, "/account?before=3")
    assert (response.status_code, response.location) == (303, "/sign-in/code?next=/account?before%3D3")
    assert not is_in(browser)
    page = browser.get(response.location)
    assert 'autocomplete="one-time-code"' in page.text
    assert page.text.count("autofocus") == 1
    done = browser.post(response.location, data={"code": protected[0].at(clock.now())})
    assert (done.status_code, done.location) == (303, "/account?before=3")
    assert {cookie.partition("=")[0] for cookie in done.headers.getlist("Set-Cookie")} == {"tokendesk", "device"}
    assert is_in(browser)
    with browser.session_transaction() as session:
        assert "second_step" not in session


def test_a_recovery_code_signs_in(app, protected):
    browser = app.test_client()
    first_step(browser)
    assert browser.post("/sign-in/code", data={"code": protected[1][0]}).status_code == 303
    assert "9 recovery codes are left." in text_of(browser.get(URL))


def test_a_wrong_code_and_too_many_are_said(app, protected):
    browser = app.test_client()
    first_step(browser)
    assert browser.post("/sign-in/code").status_code == 400
    for _ in range(10):
        page = browser.post("/sign-in/code", data={"code": "000000"})
    assert page.status_code == 400
    assert "This code is wrong" in text_of(page)
    page = browser.post("/sign-in/code", data={"code": "000000"})
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert not is_in(browser)


def test_without_the_first_step_there_is_no_second(app, client, protected, hand):
    stranger = app.test_client()
    assert stranger.get("/sign-in/code?next=/account").location == "/sign-in?next=/account"
    assert stranger.post("/sign-in/code", data={"code": protected[1][0]}).location == "/sign-in"
    first_step(stranger)
    hand.shift(timedelta(minutes=11))
    assert stranger.get("/sign-in/code").location == "/sign-in"
    assert "That took too long. Please sign in again." in text_of(stranger.get("/sign-in"))
    assert client.get("/sign-in/code", follow_redirects=True).request.path != "/sign-in/code"


def test_the_code_can_be_given_up(app, protected):
    browser = app.test_client()
    first_step(browser)
    browser.post("/sign-out")
    assert browser.get("/sign-in/code").location == "/sign-in"


def test_the_way_on_stays_on_this_site(app, protected):
    browser = app.test_client()
    assert first_step(browser, "//evil.example").location == "/sign-in/code"
    done = browser.post("/sign-in/code?next=//evil.example", data={"code": protected[1][0]})
    assert done.location == "/"


# --- those who must have it -------------------------------------------------------------------------------------------


@pytest.fixture
def required(app, monkeypatch):
    monkeypatch.setitem(app.config, "REQUIRE_TWO_FACTOR", True)


@pytest.mark.usefixtures("required")
def test_an_admin_sets_it_up_before_anything_else(app):
    admin = make_user("ada@example.com", password=PASSWORD, roles=["admin"])
    client = sign_in(app.test_client(), admin)
    for path in ("/admin/users", "/account", "/settings/api-keys", "/nothing-there/x"):
        response = client.get(path)
        assert (response.status_code, response.location) == ((303, URL) if "nothing" not in path else (404, None)), path
    assert client.post("/settings/api-keys", data={"name": "x"}).location == URL
    answer = client.get("/api/beta/request")
    assert (answer.status_code, answer.json["code"]) == (403, "two_factor_needed")
    assert "Set it up to go on." in text_of(client.get(URL))
    turn_on(client)
    assert client.get("/admin/users").status_code == 200
    page = text_of(client.get(URL))
    assert "so it stays on" in page
    refused = client.post(f"{URL}/turn-off", data={"off-code": "000000"})
    assert refused.status_code == 403
    assert User.objects.get().has_two_factor


@pytest.mark.usefixtures("required")
def test_nothing_private_opens_before_that(app):
    client = sign_in(app.test_client(), make_user(roles=["admin"]))
    url_map, opened = app.url_map.bind("localhost"), {}
    for rule in app.url_map.iter_rules():
        if access.declared(app, rule.endpoint).anonymous or rule.endpoint.split(".")[0] in access.UNTIL_SET_UP:
            continue
        numbers = {name for name, one in rule._converters.items() if "int" in type(one).__name__.lower()}
        values = {name: 1 if name in numbers else "x" for name in rule.arguments}
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            answer = client.open(url_map.build(rule.endpoint, values, method=method), method=method)
            if answer.location != URL and answer.json["code"] != "two_factor_needed":
                opened[f"{method} {rule}"] = answer.status_code
    assert opened == {}


@pytest.mark.usefixtures("required")
def test_an_admin_who_has_not_confirmed_the_address_does_that_first(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    admin = make_user(roles=["admin"])
    User.objects(id=admin.id).update(email_confirmed=False)
    client = sign_in(app.test_client(), admin)
    assert client.post("/confirm-email").location == "/account"
    (mail,) = Delivery.objects(what="confirm_email")
    assert client.post(f"/confirm-email/{mail.values['token']}").location == "/account"
    assert users.get(admin.id).email_confirmed


@pytest.mark.usefixtures("required")
def test_users_without_permissions_and_keys_go_on_as_before(app, client):
    assert client.get("/account").status_code == 200
    admin = make_user(roles=["admin"])
    headers = bearer(admin, "users.read", "self")
    assert app.test_client().get("/api/beta/request", headers=headers).status_code == 200


@pytest.mark.usefixtures("required")
def test_an_admin_may_sign_out_instead(app):
    client = sign_in(app.test_client(), make_user(roles=["admin"]))
    assert client.post("/sign-out").location == "/sign-in"


def test_a_reset_leads_back_to_the_password(app, ann, protected):
    two_factor.reset(ann.id, by=OPERATOR)
    browser = app.test_client()
    assert first_step(browser).location == "/"
