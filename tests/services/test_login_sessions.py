"""How long a session lives, and what ends it."""

from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.login_session import LoginSession
from app.models.user import User
from app.services import login_sessions, user_changes
from tests.factories import OPERATOR, PASSWORD, make_admin, make_user

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def is_live(token):
    return login_sessions.find(token) is not None


def test_a_session_is_found_by_its_token_only():
    ann, bob = make_user(), make_user()
    token = login_sessions.start(ann, address="192.0.2.1", user_agent="Firefox")
    login_sessions.start(bob)
    login_session, user = login_sessions.find(token)
    assert user.id == login_session.user == ann.id
    assert (login_session.address, login_session.user_agent) == ("192.0.2.1", "Firefox")
    assert not is_live(token[:-1])
    assert not is_live(login_session.id)
    assert not is_live("")


def test_the_token_is_long_and_is_not_kept():
    token = login_sessions.start(make_user())
    assert len(token) == 43
    assert token not in str(list(get_db().login_sessions.find()))


def test_what_a_browser_says_of_itself_is_cut():
    token = login_sessions.start(make_user(), address="x" * 500, user_agent="y" * 5_000)
    login_session, _ = login_sessions.find(token)
    assert (len(login_session.address), len(login_session.user_agent)) == (45, 200)


@pytest.mark.parametrize(("idle", "live"), [(12 * HOUR - timedelta(seconds=1), True), (12 * HOUR, False)])
def test_a_session_ends_after_twelve_idle_hours(idle, live):
    now = clock.now()
    with time_machine.travel(now, tick=False):
        token = login_sessions.start(make_user())
    with time_machine.travel(now + idle, tick=False):
        assert is_live(token) is live


def test_a_session_in_use_ends_after_seven_days():
    now = clock.now()
    with time_machine.travel(now, tick=False) as traveller:
        token = login_sessions.start(make_user())
        for hours in range(10, 7 * 24, 10):
            traveller.move_to(now + hours * HOUR)
            assert is_live(token)
        traveller.move_to(now + 7 * DAY - timedelta(seconds=1))
        assert is_live(token)
        traveller.move_to(now + 7 * DAY)
        assert not is_live(token)


def test_use_is_noted_once_a_minute():
    now = clock.now()
    user = make_user()
    with time_machine.travel(now, tick=False) as traveller:
        token = login_sessions.start(user)
        seen = []
        for seconds in (0, 59, 60, 61, 119, 120):
            traveller.move_to(now + timedelta(seconds=seconds))
            login_sessions.find(token)
            seen.append((LoginSession.objects.first().last_seen_at - now).seconds)
    assert seen == [0, 0, 60, 60, 60, 120]
    assert User.objects(id=user.id).first().last_seen_at == now + timedelta(seconds=120)


def test_pages_that_come_together_note_it_once(threads):
    now = clock.now()
    user = make_user()
    with time_machine.travel(now, tick=False) as traveller:
        token = login_sessions.start(user)
        traveller.move_to(now + timedelta(minutes=2))
        assert all(threads(lambda _: is_live(token), 8))
        assert LoginSession.objects.first().last_seen_at == now + timedelta(minutes=2)


def test_signing_out_ends_one_session():
    user = make_user()
    here, there = login_sessions.start(user), login_sessions.start(user)
    login_sessions.end(here)
    login_sessions.end("unknown")
    assert (is_live(here), is_live(there)) == (False, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda user: user_changes.deactivate(user.id, by=OPERATOR),
        lambda user: user_changes.set_password(user.id, PASSWORD, by=OPERATOR),
        lambda user: user_changes.grant_role(user.id, "reviewer", by=OPERATOR),
        lambda user: user_changes.revoke_role(user.id, "support", by=OPERATOR),
    ],
    ids=["deactivation", "new password", "more permissions", "fewer permissions"],
)
def test_a_change_that_matters_ends_all_sessions_of_its_user(change):
    make_admin()
    user, other = make_user(roles=["support"]), make_user()
    tokens = [login_sessions.start(user), login_sessions.start(user)]
    theirs = login_sessions.start(other)
    change(user)
    assert [is_live(token) for token in tokens] == [False, False]
    assert LoginSession.objects(user=user.id).count() == 0
    assert is_live(theirs)


def test_a_sign_in_that_a_new_password_overtakes_gives_no_session():
    user = make_user()
    user_changes.set_password(user.id, PASSWORD, by=OPERATOR)
    assert not is_live(login_sessions.start(user))


def test_a_session_of_a_user_who_is_gone_is_none():
    user = make_user()
    token = login_sessions.start(user)
    user.id = ObjectId()
    orphan = login_sessions.start(user)
    assert is_live(token)
    assert not is_live(orphan)


def test_the_allowlist_voids_permissions_of_others(app, monkeypatch):
    listed, other = make_admin("boss@example.com"), make_admin("other@example.com")
    monkeypatch.setitem(app.config, "ADMIN_EMAILS", [" Boss@Example.com "])
    held = [login_sessions.find(login_sessions.start(user))[1].has_any_permission for user in (listed, other)]
    assert held == [True, False]
