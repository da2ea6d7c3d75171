"""The page that a sign-in link opens, and what Continue does."""

import re
from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.audit_event import AuditEvent
from app.models.login_session import LoginSession
from app.models.sign_in_link import SignInLink
from app.models.user import User
from app.services import login_sessions, sign_in_links, user_changes
from tests.factories import OPERATOR, make_user, sign_in
from tests.page_client import text_of

TARGET = "/requests/new?kind=quota"
GONE = "This link does not work any more"


@pytest.fixture
def user():
    return make_user("ada@example.com", name="Ada")


@pytest.fixture
def path(user):
    _link, token = sign_in_links.create(user, target=TARGET, by=OPERATOR)
    return f"/sign-in/link/{token}"


def is_gone(response):
    return response.status_code == 404 and GONE in text_of(response)


def click(client, path):
    """Continue, and what the browser is led to where the link does not work."""
    response = client.post(path)
    return client.get(path) if (response.status_code, response.location) == (303, path) else response


def sessions_of(user):
    return LoginSession.objects(user=user.id)


def test_the_page_says_who_will_be_signed_in_and_uses_nothing_up(client, path, user):
    for _ in range(3):
        response = client.get(path)
        assert response.status_code == 200
        assert "Sign in as Ada" in text_of(response)
        assert "ada@example.com" in text_of(response)
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response.headers["X-Robots-Tag"]
    assert response.headers["Cache-Control"] == "no-store"
    assert sessions_of(user).count() == 0
    assert SignInLink.objects.get().used_at is None


def test_continue_signs_in_and_leads_on(client, path, user):
    response = client.post(path)
    assert (response.status_code, response.location) == (303, TARGET)
    assert client.get(TARGET).status_code == 200
    assert sessions_of(user).count() == 1
    event = AuditEvent.objects.get(action="sign_in_link.use")
    assert (event.actor["kind"], event.actor["id"]) == ("user", str(user.id))


def test_continue_works_over_https_from_a_browser_that_names_no_referrer(client, path):
    client.get(path, base_url="https://localhost")
    with client.session_transaction(base_url="https://localhost"):
        pass
    page = client.get(path, base_url="https://localhost").text
    (token,) = set(re.findall(r'name="csrf_token" value="([^"]+)"', page))
    response = client.post(path, data={"csrf_token": token}, base_url="https://localhost", csrf=False, origin="null")
    assert (response.status_code, response.location) == (303, TARGET)


@pytest.mark.parametrize("data", [{}, {"csrf_token": ""}, {"csrf_token": "forged"}])
def test_without_the_forms_token_nothing_is_used_up(client, path, user, data):
    response = client.post(path, data=data, csrf=False)
    assert response.status_code == 400
    assert "did not come from this site" in response.text
    assert SignInLink.objects.get().used_at is None


def test_a_link_works_once(client, app, path, user):
    client.post(path)
    other = app.test_client()
    assert is_gone(other.get(path))
    assert is_gone(click(other, path))
    assert sessions_of(user).count() == 1


def test_a_link_ends_after_a_quarter_of_an_hour(client, path):
    now = clock.now()
    with time_machine.travel(now + timedelta(minutes=14, seconds=59)):
        assert client.get(path).status_code == 200
    with time_machine.travel(now + timedelta(minutes=15, seconds=1)):
        assert is_gone(client.get(path))
        assert is_gone(click(client, path))


@pytest.mark.parametrize(
    "token", ["x", "0", "f" * 24, "A" * 43, "%D9%A3", "%ED%A0%80", "%00", "9" * 400, "%7B%22$ne%22:1%7D"]
)
def test_what_is_no_link_is_not_found(client, token):
    assert client.get(f"/sign-in/link/{token}").status_code == 404
    response = client.post(f"/sign-in/link/{token}")
    assert (client.get(response.location) if response.location else response).status_code == 404


CHANGES = {
    "has a password now": lambda user: User.objects(id=user.id).update(password_hash="x"),
    "has a permission now": lambda user: user_changes.grant_role(user.id, "support", by=OPERATOR),
    "is deactivated": lambda user: user_changes.deactivate(user.id, by=OPERATOR),
    "is gone": lambda user: User.objects(id=user.id).delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_link_does_not_work_for_a_user_who(client, path, user, change):
    change(user)
    assert is_gone(client.get(path))
    assert is_gone(click(client, path))
    assert LoginSession.objects(user=user.id).count() == 0


def test_who_is_signed_in_as_somebody_else_hears_so_and_is_switched(client, path, user):
    eve = make_user(name="Eve")
    sign_in(client, eve)
    assert "You are signed in as Eve now." in text_of(client.get(path))
    assert client.post(path).status_code == 303
    assert sessions_of(eve).count() == 0
    assert "Ada" in client.get("/account").text


def test_who_is_signed_in_already_hears_nothing_of_it(client, path, user):
    sign_in(client, user)
    assert "You are signed in as" not in text_of(client.get(path))
    assert client.post(path).status_code == 303
    assert sessions_of(user).count() == 1


def test_a_second_click_leads_on_too(client, path, user):
    form = {"csrf_token": re.findall(r'name="csrf_token" value="([^"]+)"', client.get(path).text)[0]}
    first = client.post(path, data=form, csrf=False)
    # With the new cookie, which has nothing of the form's token any more.
    again = client.post(path, data=form, csrf=False)
    assert [(one.status_code, one.location) for one in (first, again)] == [(303, TARGET)] * 2
    assert client.get(TARGET).status_code == 200
    assert sessions_of(user).count() == 1


def test_a_second_click_that_still_has_the_old_cookie_finds_its_way(client, path, user):
    form = {"csrf_token": re.findall(r'name="csrf_token" value="([^"]+)"', client.get(path).text)[0]}
    with client.session_transaction() as before:
        old = dict(before)
    client.post(path, data=form, csrf=False)
    with client.session_transaction() as after:
        new = dict(after)
        after.clear()
        after.update(old)
    response = client.post(path, data=form, csrf=False)
    assert (response.status_code, response.location) == (303, path)
    with client.session_transaction() as session:
        session.clear()
        session.update(new)
    response = client.get(path)
    assert (response.status_code, response.location) == (303, TARGET)
    assert sessions_of(user).count() == 1


def test_a_used_link_leads_on_whom_it_signed_in_and_nobody_else(client, app, path):
    client.post(path)
    response = client.get(path)
    assert (response.status_code, response.location) == (303, TARGET)
    other = sign_in(app.test_client(), make_user(name="Eve"))
    assert is_gone(other.get(path))
    assert is_gone(click(other, path))
    assert "go on as Eve" in text_of(other.get(path))


def test_two_at_once_have_one_session(app, path, user, threads):
    answers = threads(lambda _: app.test_client().post(path), 20)
    assert {answer.status_code for answer in answers} == {303}
    assert sorted(answer.location for answer in answers) == sorted([TARGET, *[path] * 19])
    assert sessions_of(user).count() == 1
    assert AuditEvent.objects(action="sign_in_link.use").count() == 1


def test_trying_links_is_limited(client):
    answers = [client.post("/sign-in/link/nothing") for _ in range(31)]
    assert {answer.status_code for answer in answers[:30]} == {404}
    assert answers[30].status_code == 429
    assert int(answers[30].headers["Retry-After"]) >= 1


def test_the_session_is_one_like_any_other(client, path, user):
    client.post(path)
    user_changes.deactivate(user.id, by=OPERATOR)
    assert client.get("/account").status_code == 303
    assert login_sessions.find("nothing") is None


def test_the_page_speaks_the_browsers_language(client, path):
    assert client.get(path, headers={"Accept-Language": "ru"}).status_code == 200
