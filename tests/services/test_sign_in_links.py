"""Sign-in links at the service: who may make them, for whom, and what a user who changes meanwhile means."""

from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.domain_error import Forbidden, LinkUnusable, UserInactive, UserProtected
from app.models.sign_in_link import SignInLink
from app.services import login_sessions, sign_in_links, user_changes
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_user

HERE = {"address": "192.0.2.7", "user_agent": "A browser"}


def create(user):
    return sign_in_links.create(user, target="/account", by=OPERATOR)


def test_a_token_is_told_once_and_never_kept():
    link, token = create(make_user())
    assert len(token) == 43
    assert link.digest != token
    assert SignInLink.objects.get().digest == link.digest
    assert create(make_user())[1] != token


def test_using_a_link_starts_a_session_of_its_user():
    user = make_user()
    _link, token = create(user)
    link, session_token = sign_in_links.use(token, **HERE)
    login_session, found = login_sessions.find(session_token)
    assert (link.next, found.id, login_session.address) == ("/account", user.id, "192.0.2.7")


def test_a_user_may_have_several_links():
    user = make_user()
    tokens = [create(user)[1] for _ in range(3)]
    assert len({sign_in_links.use(token, **HERE)[1] for token in tokens}) == 3


def test_looking_uses_nothing_up():
    _link, token = create(make_user())
    for _ in range(3):
        sign_in_links.find(token)
    sign_in_links.use(token, **HERE)
    with pytest.raises(LinkUnusable):
        sign_in_links.find(token)


@pytest.mark.parametrize("roles", [["admin"], ["support"]])
def test_a_key_is_no_way_to_a_permission(roles):
    with pytest.raises(UserProtected):
        create(make_user(roles=roles))


def test_a_key_is_no_way_around_a_password():
    with pytest.raises(UserProtected):
        create(make_user(password=PASSWORD))


def test_nobody_signs_a_deactivated_user_in():
    user = user_changes.deactivate(make_user().id, by=OPERATOR)
    with pytest.raises(UserInactive):
        create(user)


@pytest.mark.parametrize("make", [make_user, make_admin])
def test_people_make_no_links(make):
    with pytest.raises(Forbidden):
        sign_in_links.create(make_user(), target="/", by=actor_of(make()))


def test_a_role_that_is_given_while_the_link_is_used_ends_the_session(monkeypatch):
    user = make_user()
    _link, token = create(user)
    found = sign_in_links.find(token)
    user_changes.grant_role(user.id, "support", by=OPERATOR)
    monkeypatch.setattr(sign_in_links, "find", lambda _token: found)
    _link, session_token = sign_in_links.use(token, **HERE)
    assert login_sessions.find(session_token) is None


def test_the_last_moment_is_too_late():
    link, token = create(make_user())
    with time_machine.travel(link.expires_at, tick=False), pytest.raises(LinkUnusable):
        sign_in_links.use(token, **HERE)
    with time_machine.travel(link.expires_at - timedelta(milliseconds=1), tick=False):
        sign_in_links.use(token, **HERE)
    assert clock.now() < link.expires_at
