"""Mail as a real server takes it: what it says, in whose language, and what becomes of refusals."""

import smtplib
import warnings
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from aiosmtpd.smtp import AuthResult
from flask import g

from app import emails, presentation
from app.models.delivery import Delivery, Kind, State
from app.services import deliveries, delivery_attempts, mail
from app.services.delivery_attempts import BREATHER
from tests.factories import make_user
from tests.killing import killed_at_each
from tests.mail_server import mail_server, parts_of
from tests.serving import free_port

# Newer Pythons warn of forking beside other threads; this child takes up a connection of its own before it does anything.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
APPROVED = {"kind": "request_approved", "values": {"number": 7, "response": "Enjoy <b>it</b> & write."}}


@pytest.fixture(autouse=True)
def clock_hand():
    """Time runs, from noon; a test may move it."""
    with time_machine.travel(NOW) as traveller:
        yield traveller


@pytest.fixture
def server(app, monkeypatch):
    with mail_server(app, monkeypatch) as server:
        yield server


def leave(user, values=APPROVED, key="hello", **more):
    deliveries.send_mail(key=key, user=user.id, template="notice", values={"url": "/requests/7", **values}, **more)


def work():
    """What the worker does with mail in a round."""
    return delivery_attempts.send_waiting(Kind.MAIL, partial(mail.deliver, render=emails.render))


def test_a_mail_says_the_same_as_text_and_as_html_and_carries_its_headers(server):
    ann = make_user("ann@example.com", name="Ann Bell")
    leave(ann, at=NOW)
    assert work() == 1
    (sent,) = server.mails
    text, html = parts_of(sent)
    assert sent["To"] == "Ann Bell <ann@example.com>"
    assert sent["From"] == "Tokendesk <tokens@example.com>"
    assert sent["Subject"] == "Your request #7 was approved."
    assert sent["Date"].datetime == NOW
    assert sent["Message-ID"] == f"<{Delivery.objects.get().id}@example.com>"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in sent
    assert text.startswith("Hello Ann Bell,")
    assert "Enjoy <b>it</b> & write." in text
    assert "http://localhost/requests/7" in text
    assert "Enjoy &lt;b&gt;it&lt;/b&gt; &amp; write." in html
    assert '<a href="http://localhost/requests/7">' in html
    assert (server.envelopes[0].mail_from, server.envelopes[0].rcpt_tos) == ("tokens@example.com", ["ann@example.com"])


def test_it_goes_to_the_address_that_the_user_has_then_or_to_the_one_that_was_named(server):
    ann = make_user("ann@example.com")
    leave(ann)
    leave(ann, key="other", address="new@example.com")
    ann.modify(email="moved@example.com")
    work()
    assert sorted(one.rcpt_tos[0] for one in server.envelopes) == ["moved@example.com", "new@example.com"]


def test_times_and_numbers_are_those_of_the_reader(app):
    reader = make_user()
    reader.modify(locale="ru", time_zone="Asia/Tokyo")
    said = emails.render("notice", {"kind": "tokens_low", "values": {"available": 1234567}, "url": ""}, reader=reader)
    assert "1 234 567" in said.text
    assert '<html lang="ru">' in said.html
    with app.app_context():
        g.reader = reader
        assert presentation.date_and_time(NOW) == "10 мар. 2026\u202fг., 21:00"


@pytest.mark.parametrize(
    "name", ["Ann\r\nBcc: eve@example.com", "Ann, eve@example.com", '"Ann" <eve@example.com>', "Анна"]
)
def test_a_name_brings_no_other_header_and_no_other_recipient(server, name):
    ann = make_user("ann@example.com")
    ann.modify(name=name)
    leave(ann)
    work()
    (sent,) = server.mails
    assert server.envelopes[0].rcpt_tos == ["ann@example.com"]
    assert "Bcc" not in sent
    (to,) = sent["To"].addresses
    assert (to.display_name, to.addr_spec) == (" ".join(name.split()), "ann@example.com")


def test_a_subject_is_one_line_whatever_it_names(server):
    ann = make_user("ann@example.com")
    leave(ann, {"kind": "supported_listed", "values": {"symbol": "A\r\nBcc: eve@example.com\n\nHello"}})
    work()
    (sent,) = server.mails
    assert sent["Subject"].startswith("A Bcc: eve@example.com Hello, which you asked for")
    assert "Bcc" not in sent


def test_a_domain_of_other_letters_is_written_as_servers_know_it(server):
    ann = make_user("ann@example.com")
    ann.modify(email="ann@пример.example")
    leave(ann)
    work()
    assert server.envelopes[0].rcpt_tos == ["ann@xn--e1afmkfd.example"]


@pytest.mark.parametrize(
    ("place", "answer", "state", "error"),
    [
        ("on_recipient", "550 no such user", State.DEAD, "550 no such user"),
        ("on_recipient", "450 mailbox busy", State.WAITING, "450 mailbox busy"),
        ("on_mail", "554 looks like spam", State.DEAD, "554 looks like spam"),
        ("on_mail", "451 try later", State.WAITING, "451 try later"),
    ],
)
def test_a_refusal_for_good_ends_it_and_another_is_tried_again(server, place, answer, state, error):
    leave(make_user())
    setattr(server, place, answer)
    work()
    (mail_left,) = Delivery.objects
    assert (mail_left.state, mail_left.last_error) == (state, error)


def test_a_server_that_is_down_for_a_minute_gets_everything_afterwards(app, monkeypatch, clock_hand):
    users = [make_user() for _ in range(3)]
    monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
    monkeypatch.setitem(app.config, "MAIL_FROM", "tokens@example.com")
    monkeypatch.setitem(app.config, "MAIL_TLS", "none")
    monkeypatch.setitem(app.config, "MAIL_PORT", free_port())
    for user in users:
        leave(user)
    assert work() == 1
    assert "ConnectionRefusedError" in Delivery.objects(attempts=1).get().last_error
    clock_hand.shift(BREATHER + timedelta(seconds=1))
    with mail_server(app, monkeypatch) as server:
        assert work() == 3
        assert sorted(one.rcpt_tos[0] for one in server.envelopes) == sorted(user.email for user in users)
    assert {one.state for one in Delivery.objects} == {State.SENT}


def test_a_server_without_encryption_gets_nothing_where_it_is_asked_for(app, server, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_TLS", "starttls")
    leave(make_user())
    work()
    assert server.envelopes == []
    assert "STARTTLS" in Delivery.objects.get().last_error


@pytest.mark.parametrize(("password", "state"), [("right", State.SENT), ("wrong", State.WAITING)])
def test_where_there_is_a_password_we_sign_in_first(app, monkeypatch, password, state):
    def is_right(_server, _session, _envelope, _mechanism, given):
        return AuthResult(success=(given.login, given.password) == (b"desk", b"right"), handled=False)

    options = {
        "authenticator": is_right,
        "auth_required": True,
        "auth_require_tls": False,
        "auth_exclude_mechanism": ["LOGIN"],
    }
    monkeypatch.setitem(app.config, "MAIL_USERNAME", "desk")
    monkeypatch.setitem(app.config, "MAIL_PASSWORD", password)
    with warnings.catch_warnings(action="ignore"), mail_server(app, monkeypatch, **options):
        leave(make_user())
        work()
    assert Delivery.objects.get().state == state
    assert ("SMTPAuthenticationError" in Delivery.objects.get().last_error) == (state == State.WAITING)


def test_what_was_accepted_stays_accepted_however_the_server_says_goodbye(server, monkeypatch):
    monkeypatch.setattr(smtplib.SMTP, "quit", lambda self: self.close() or (_ for _ in ()).throw(OSError("gone")))
    leave(make_user())
    work()
    assert Delivery.objects.get().state == State.SENT


def test_nothing_is_sent_to_somebody_who_is_no_more(server):
    ann = make_user()
    leave(ann)
    ann.delete()
    work()
    assert (server.envelopes, Delivery.objects.get().state) == ([], State.DEAD)


def test_a_worker_that_dies_between_sending_and_noting_repeats_it_under_the_same_id(server, clock_hand):
    leave(make_user())
    mail.deliver(delivery_attempts.take(Kind.MAIL), render=emails.render)
    clock_hand.shift(delivery_attempts.LEASE)
    assert work() == 1
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_string().replace(first.get_boundary(), "") == second.as_string().replace(second.get_boundary(), "")


def test_a_worker_killed_anywhere_loses_no_mail_and_repeats_at_most_one(server, mongodb_uri, clock_hand):
    """A real process, killed before and after each of its words to the database; the next worker goes on."""

    def a_mail():
        leave(make_user())
        return {str(one.id) for one in Delivery.objects(state=State.WAITING)}

    seen = set()
    for mails, _killed in killed_at_each(mongodb_uri, a_mail, lambda _: work()):
        clock_hand.shift(delivery_attempts.LEASE)
        work()
        arrived = Counter(sent["Message-ID"][1:].partition("@")[0] for sent in server.mails)
        assert set(arrived) == mails
        seen.add(sum(arrived.values()) - len(mails))
        server.envelopes.clear()
    assert seen == {0, 1}
    assert {one.state for one in Delivery.objects} == {State.SENT}
