"""Registering: where it is open, how often it may be tried, and that whoever registers is signed in."""

import pytest

from app.models.domain_error import AlreadyExists, InvalidInput, NotFound, TooManyAttempts
from app.models.user import User
from app.services import login_sessions, registration, user_changes
from tests.effects import outcome
from tests.factories import OPERATOR, PASSWORD, make_user

HERE = "192.0.2.1"


@pytest.fixture(autouse=True)
def is_open(app, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", "open")


def register(email="ann@example.com", password=PASSWORD, address=HERE, **values):
    return registration.register(email, password=password, address=address, **{"name": "Ann", "locale": "en", **values})


def test_who_registers_is_signed_in():
    user, token = register(user_agent="Firefox")
    login_session, found = login_sessions.find(token)
    assert (found.id, found.email, found.name) == (user.id, "ann@example.com", "Ann")
    assert (login_session.address, login_session.user_agent) == (HERE, "Firefox")


def test_where_it_is_closed_there_is_nothing(app, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")
    for call in (registration.check_open, register):
        with pytest.raises(NotFound):
            call()
    assert User.objects.count() == 0


def test_an_address_that_is_taken_is_refused_however_it_is_spelt():
    make_user("ann@example.com")
    with pytest.raises(AlreadyExists, match="A user with this e-mail address exists already"):
        register(" ANN@Example.com")
    assert User.objects.count() == 1


def test_the_rules_for_passwords_hold():
    with pytest.raises(InvalidInput) as refused:
        register(password="password123")
    assert list(refused.value.errors) == ["password"]


@pytest.mark.parametrize("attempts", [{}, {"email": "nonsense"}, {"password": "short"}])
def test_eleven_attempts_in_five_minutes_from_one_address_are_too_many(attempts):
    make_user("ann@example.com")
    for _ in range(10):
        assert outcome(register, **attempts) in ("AlreadyExists", "InvalidInput")
    with pytest.raises(TooManyAttempts) as refused:
        register("bob@example.com")
    assert 0 < refused.value.values["retry_after"] <= 300
    assert outcome(register, "bob@example.com", address="192.0.2.2") == "done"


def test_one_holder_of_many_addresses_is_one():
    for n in range(10):
        outcome(register, "nonsense", address=f"2001:db8::{n}")
    assert outcome(register, "bob@example.com", address="2001:db8::ffff") == "TooManyAttempts"


@pytest.mark.parametrize(
    ("settings", "waits"),
    [
        ({}, False),
        ({"MAIL_SERVER": "mail.example.com"}, True),
        ({"MAIL_SERVER": "mail.example.com", "INITIAL_TOKENS": 0}, False),
    ],
)
def test_tokens_wait_for_the_confirmed_address_where_mail_is_configured(app, monkeypatch, settings, waits):
    for name, value in settings.items():
        monkeypatch.setitem(app.config, name, value)
    user, _ = register()
    assert registration.waits_for_confirmation(user) is waits
    assert not registration.waits_for_confirmation(user_changes.confirm_email(user.id, by=OPERATOR))
