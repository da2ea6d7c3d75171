"""The page of the browsers in which a user is signed in, as a browser uses it."""

from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.login_session import LoginSession
from app.services import login_sessions, user_changes
from app.services.digests import digest
from tests.factories import OPERATOR, make_user, sign_in
from tests.page_client import text_of

URL = "/settings/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def ann():
    return make_user()


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


def elsewhere(user, **browser):
    """The id of another session."""
    return digest(login_sessions.start(user, **{"address": "192.0.2.7", "user_agent": FIREFOX} | browser))


def test_the_page_names_each_browser_and_says_which_is_this_one(client, ann):
    elsewhere(ann)
    elsewhere(make_user(), address="198.51.100.1")
    page = client.get(URL)
    text = text_of(page)
    for said in ("Firefox on Linux", "192.0.2.7", "An unknown browser", "This device"):
        assert text.count(said) >= 1, said
    assert text.count("This device") == 1
    assert "198.51.100.1" not in text
    assert page.text.count("/end") == 2


def test_what_has_ended_is_not_shown(client, ann):
    elsewhere(ann)
    with time_machine.travel(clock.now() + timedelta(hours=13)):
        sign_in(client, ann)
        assert "Firefox" not in text_of(client.get(URL))
    user_changes.set_password(ann.id, "four quiet otters swim", by=OPERATOR)
    assert login_sessions.live(ann.reload()) == []


def test_one_browser_is_signed_out(client, ann):
    gone, stays = elsewhere(ann), elsewhere(ann)
    response = client.post(f"{URL}/{gone}/end")
    assert (response.status_code, response.location) == (303, URL)
    assert "That device is signed out." in text_of(client.get(URL))
    assert LoginSession.objects(id=gone).count() == 0
    assert LoginSession.objects(id=stays).count() == 1
    assert client.post(f"{URL}/{gone}/end").status_code == 404


def test_all_others_are_signed_out_and_this_one_stays(app, client, ann):
    others = [sign_in(app.test_client(), ann) for _ in range(2)]
    theirs = elsewhere(make_user())
    assert "Sign out everywhere else" in text_of(client.get(URL))
    assert client.post(f"{URL}/end-others").status_code == 303
    page = text_of(client.get(URL))
    assert "2 other devices are signed out." in page
    assert "Sign out everywhere else" not in page
    assert [other.get(URL).status_code for other in others] == [303, 303]
    assert LoginSession.objects(id=theirs).count() == 1


def test_nobody_signs_somebody_else_out(client):
    theirs = elsewhere(make_user())
    for session_id in (theirs, "x", "$ne", "0" * 64):
        assert client.post(f"{URL}/{session_id}/end").status_code == 404
    assert LoginSession.objects(id=theirs).count() == 1


def test_a_stranger_and_a_foreign_form_end_nothing(app, client, ann):
    session_id = elsewhere(ann)
    assert app.test_client().post(f"{URL}/{session_id}/end").status_code == 303
    assert app.test_client().get(URL).location == "/sign-in?next=/settings/sessions"
    assert client.post(f"{URL}/{session_id}/end", csrf=False).status_code == 400
    assert client.post(f"{URL}/end-others", csrf=False).status_code == 400
    assert LoginSession.objects(user=ann.id).count() == 2


def test_the_list_is_read_by_an_index():
    plan = LoginSession.objects(user=make_user().id, epoch=0).order_by("-last_seen_at").explain()
    assert "'IXSCAN'" in str(plan["queryPlanner"]["winningPlan"])
