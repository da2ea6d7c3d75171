"""Another e-mail address: asked for with the password, confirmed by a link, the old one told."""

import re
from datetime import timedelta
from functools import partial

import pytest
import time_machine

from app import clock, emails
from app.models.audit_event import Action, AuditEvent
from app.models.delivery import Kind
from app.models.domain_error import AlreadyExists, Forbidden, InvalidInput, LinkUnusable, TooManyAttempts
from app.models.user import User
from app.services import delivery_attempts, due, email_changes, mail, token_accounts, user_changes, users
from tests.factories import OPERATOR, PASSWORD, actor_of, make_user
from tests.mail_server import mail_server, parts_of

OLD, NEW = "ann@example.com", "bell@example.com"
LINK = re.compile(r"http://localhost/settings/email/(\S+)")


@pytest.fixture
def server(app, monkeypatch):
    with mail_server(app, monkeypatch) as server:
        yield server


@pytest.fixture
def ann(server):
    return make_user(OLD, name="Ann", password=PASSWORD)


def ask(user, email=NEW, password=PASSWORD, by=None):
    return email_changes.ask(user.id, email, password=password, by=by or actor_of(user))


def sent(server):
    """What the worker sends now: to whom, and the text."""
    before = len(server.envelopes)
    delivery_attempts.send_waiting(Kind.MAIL, partial(mail.deliver, render=emails.render))
    texts = [parts_of(one)[0] for one in server.mails[before:]]
    return dict(zip((one.rcpt_tos[0] for one in server.envelopes[before:]), texts, strict=True))


def link(server):
    """The token of the one mail that is waiting."""
    ((_address, text),) = sent(server).items()
    return LINK.search(text)[1]


def confirm(token):
    return email_changes.confirm(token, address="127.0.0.1")


def test_the_new_address_counts_when_its_link_was_opened_and_the_old_one_is_told(server, ann):
    ask(ann, " Bell@Example.com ")
    mails = sent(server)
    assert list(mails) == [NEW]
    token = LINK.search(mails[NEW])[1]
    assert email_changes.find(token).email == OLD
    changed = confirm(token)
    assert (changed.email, changed.email_confirmed, changed.email_change) == (NEW, True, None)
    assert "bell" in changed.search
    assert "ann@example.com" not in changed.search
    told = sent(server)
    assert list(told) == [OLD]
    assert NEW not in told[OLD]
    (event,) = AuditEvent.objects(action=Action.USER_CHANGE_EMAIL)
    assert NEW not in str(event.to_mongo())
    assert OLD not in str(event.to_mongo())
    assert User.objects.get().due == []


def test_a_link_works_once_and_who_clicks_twice_hears_that_it_is_done(server, ann, threads):
    ask(ann)
    token = link(server)
    outcomes = threads(lambda _i: confirm(token), 4)
    assert [one.email for one in outcomes] == [NEW] * 4
    assert confirm(token).email == NEW
    assert email_changes.was_used(token, email_changes.find(token))
    assert list(sent(server)) == [OLD]
    assert AuditEvent.objects(action=Action.USER_CHANGE_EMAIL).count() == 1


def test_of_two_links_only_the_last_one_works(server, ann):
    ask(ann, "first@example.com")
    first = link(server)
    ask(ann)
    with pytest.raises(LinkUnusable):
        confirm(first)
    assert confirm(link(server)).email == NEW


def test_a_second_click_on_the_form_sends_no_second_link(server, ann):
    for _ in range(2):
        ask(ann)
    assert confirm(link(server)).email == NEW


def test_a_used_link_brings_no_old_address_back(server, ann):
    ask(ann)
    first = link(server)
    confirm(first)
    sent(server)
    ask(users.get(ann.id), "third@example.com")
    confirm(link(server))
    with pytest.raises(LinkUnusable):
        confirm(first)


def test_what_ends_the_sessions_ends_the_link(server, ann):
    ask(ann)
    token = link(server)
    user_changes.set_password(ann.id, "four quiet otters swim", by=OPERATOR)
    with pytest.raises(LinkUnusable):
        confirm(token)
    assert email_changes.waiting(ann.reload()) is None


def test_a_link_lives_for_a_day(server, ann):
    ask(ann)
    token = link(server)
    with time_machine.travel(clock.now() + timedelta(hours=25)):
        assert email_changes.waiting(ann.reload()) is None
        with pytest.raises(LinkUnusable):
            confirm(token)
    assert email_changes.waiting(ann)["address"] == NEW


def test_whoever_thinks_again_keeps_the_old_address(server, ann):
    ask(ann)
    token = link(server)
    email_changes.cancel(ann.id, by=actor_of(ann))
    with pytest.raises(LinkUnusable):
        confirm(token)


def test_an_address_that_somebody_has_is_refused_only_to_whoever_reads_its_mail(server, ann):
    make_user(NEW)
    ask(ann)
    token = link(server)
    with pytest.raises(AlreadyExists):
        confirm(token)
    assert users.get(ann.id).email == OLD


def test_the_first_confirmed_address_brings_the_initial_tokens_once(app, server):
    ann = users.register(OLD, password=PASSWORD, name="", locale="en", address=None, request_id=None)
    assert token_accounts.view(ann.id).available == 100_000
    sent(server)
    ask(ann)
    confirm(link(server))
    assert token_accounts.view(ann.id).available == 150_000
    sent(server)
    ask(users.get(ann.id), "third@example.com")
    confirm(link(server))
    assert token_accounts.view(ann.id).available == 150_000


def test_what_a_crash_left_is_done_later(server, ann, monkeypatch):
    ask(ann)
    token = link(server)
    with monkeypatch.context() as patch:
        patch.setattr(due, "perform", lambda *_: None)
        confirm(token)
    assert sent(server) == {}
    with time_machine.travel(clock.now() + timedelta(minutes=1)):
        due.perform_waiting()
        assert list(sent(server)) == [OLD]
    assert AuditEvent.objects(action=Action.USER_CHANGE_EMAIL).count() == 1


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        (OLD, PASSWORD, "email"),
        ("ANN@example.com", PASSWORD, "email"),
        ("nothing", PASSWORD, "email"),
        ("a@b\r\nBcc: c@example.com", PASSWORD, "email"),
        (NEW, "a guess", "password"),
        (NEW, "", "password"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_sent(server, ann, email, password, field):
    with pytest.raises(InvalidInput) as refusal:
        ask(ann, email, password)
    assert list(refusal.value.errors) == [field]
    assert sent(server) == {}


def test_only_the_user_asks_with_a_password_where_mail_is_sent(app, server, ann, monkeypatch):
    for by in (OPERATOR, actor_of(make_user())):
        with pytest.raises(Forbidden):
            ask(ann, by=by)
    with pytest.raises(Forbidden):
        ask(make_user())
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")
    with pytest.raises(Forbidden):
        ask(ann)


def test_whoever_holds_a_role_keeps_to_the_addresses_that_may(app, server, monkeypatch):
    admin = make_user(OLD, roles=["admin"], password=PASSWORD)
    monkeypatch.setitem(app.config, "ADMIN_EMAILS", [OLD])
    with pytest.raises(InvalidInput):
        ask(admin)


def test_nobody_fills_the_mailboxes_of_others(server, ann):
    for n in range(5):
        ask(ann, f"victim{n}@example.com")
    with pytest.raises(TooManyAttempts):
        ask(ann)


@pytest.mark.parametrize("token", ["", "x", "$ne", "a.b.c", "\u0000"])
def test_what_is_no_link_is_refused(server, ann, token):
    with pytest.raises(LinkUnusable):
        email_changes.find(token)
