"""The page on which users change their own password, as a browser uses it."""

import pytest

from app.models.audit_event import Action, AuditEvent
from app.services import login_sessions, own_settings, passwords
from tests.factories import PASSWORD, actor_of, make_user, sign_in
from tests.page_client import text_of

URL = "/settings/password"
NEW = "four quiet otters swim"
FORM = {"current": PASSWORD, "password": NEW}


@pytest.fixture
def ann():
    return make_user("ann@example.com", password=PASSWORD)


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


def test_a_new_password_ends_all_other_sessions_and_leaves_its_trail(app, client, ann):
    other = sign_in(app.test_client(), ann)
    assert client.get(URL).status_code == 200
    response = client.post(URL, data=FORM)
    assert (response.status_code, response.location) == (303, URL)
    assert "Everywhere else you are signed out." in text_of(client.get(URL))
    assert other.get(URL).status_code == 303
    ann.reload()
    assert passwords.matches(ann.password_hash, NEW)
    assert AuditEvent.objects(action=Action.USER_SET_PASSWORD).count() == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"current": "not my own password"}, "This is not your password."),
        ({"current": ""}, "Enter your password."),
        ({"password": ""}, "Choose a password."),
        ({"password": "short"}, "Use between 10 and 200 characters."),
        ({"password": "password123"}, "Many people use a password like this."),
        ({"password": "x" * 201}, "Field cannot be longer than 200 characters."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(client, ann, form, said):
    page = client.post(URL, data=FORM | form)
    assert page.status_code == 400
    assert said in text_of(page)
    assert PASSWORD not in page.text
    assert passwords.matches(ann.reload().password_hash, PASSWORD)


def test_the_password_cannot_be_found_out_by_trying(app, client, ann, monkeypatch):
    monkeypatch.setitem(app.config, "SIGN_IN_ATTEMPTS", 2)
    answers = [client.post(URL, data=FORM | {"current": "a guess"}).status_code for _ in range(2)]
    answers.append(client.post(URL, data=FORM).status_code)
    assert answers == [400, 400, 429]


def test_whoever_has_no_password_is_told_so(client):
    sign_in(client, make_user())
    assert "You sign in without a password" in text_of(client.get(URL))
    assert client.post(URL, data=FORM).status_code == 403


def test_of_two_changes_at_once_one_counts(ann, threads):
    def change(i):
        return own_settings.change_password(ann.id, current=PASSWORD, new=f"{NEW} {i} times", by=actor_of(ann))

    outcomes = threads(change, 3)
    ann.reload()
    won = [i for i in range(3) if not isinstance(outcomes[i], Exception)]
    assert [i for i in range(3) if passwords.matches(ann.password_hash, f"{NEW} {i} times")] == won
    assert len(won) == 1


def test_nobody_changes_it_for_somebody_else(ann):
    with pytest.raises(own_settings.Forbidden):
        own_settings.change_password(ann.id, current=PASSWORD, new=NEW, by=actor_of(make_user()))


def test_a_stranger_is_asked_to_sign_in(app, ann):
    token = login_sessions.start(ann)
    assert app.test_client().post(URL, data=FORM).status_code == 303
    assert login_sessions.find(token)
