"""Mail as a real server takes it: what it says, in whose language, and what becomes of refusals."""

import select
import smtplib
import socket
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
from app.models.user import User
from app.services import deliveries, delivery_attempts, mail, notice_mail
from app.services.delivery_attempts import BREATHER
from tests import certificates
from tests.factories import make_user, sign_in
from tests.killing import forks, killed_at_each
from tests.mail_server import mail_server, parts_of
from tests.serving import free_port

pytestmark = forks

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
APPROVED = {"kind": "request_approved", "values": {"number": 7, "response": "Enjoy <b>it</b> & write.\n\nYours"}}


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
    return delivery_attempts.send_waiting(Kind.MAIL, partial(mail.deliver, render=emails.render), seconds=60)


def test_a_mail_says_the_same_as_text_and_as_html_and_carries_its_headers(server):
    ann = make_user("ann@example.com", name="Ann Bell")
    leave(ann, at=NOW)
    assert work() == 1
    (sent,) = server.mails
    text, html = parts_of(sent)
    assert sent["To"] == "ann@example.com"
    assert sent["From"] == "Tokendesk <tokens@example.com>"
    assert sent["Subject"] == "Your request #7 was approved."
    assert sent["Date"].datetime == NOW
    assert sent["Message-ID"] == f"<{Delivery.objects.get().id}@example.com>"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in sent
    assert text.startswith("Hello Ann Bell,")
    assert "Enjoy <b>it</b> & write.\n\nYours\n" in text.replace("\r", "")
    assert "http://localhost/requests/7" in text
    assert "Enjoy &lt;b&gt;it&lt;/b&gt; &amp; write.<br><br>Yours<br>" in html
    assert '<a href="http://localhost/requests/7">' in html
    assert (server.envelopes[0].mail_from, server.envelopes[0].rcpt_tos) == ("tokens@example.com", ["ann@example.com"])


def test_it_goes_to_the_address_that_the_user_has_then_or_to_the_one_that_was_named(server):
    ann = make_user("ann@example.com")
    leave(ann)
    leave(ann, key="other", address="new@example.com")
    ann.modify(email="moved@example.com")
    work()
    assert sorted(one.rcpt_tos[0] for one in server.envelopes) == ["moved@example.com", "new@example.com"]


def test_what_leads_to_a_page_that_has_ended_is_not_sent_any_more(server, clock_hand):
    ann = make_user("ann@example.com")
    values = {"token": "x", "until": NOW + timedelta(hours=1)}
    deliveries.send_mail(key="in time", user=ann.id, template="password_reset", values=values)
    work()
    deliveries.send_mail(key="late", user=ann.id, template="password_reset", values=values)
    clock_hand.shift(timedelta(hours=1))
    work()
    assert len(server.mails) == 1
    late = Delivery.objects.order_by("-id").first()
    assert (late.state, late.last_error) == ("dead", "What it leads to has ended meanwhile.")


def test_times_and_numbers_are_those_of_the_reader(app):
    reader = make_user()
    reader.modify(locale="ru", time_zone="Asia/Tokyo")
    said = emails.render("notice", {"kind": "tokens_low", "values": {"available": 1234567}, "url": ""}, reader=reader)
    assert "1 234 567" in said.text
    assert '<html lang="ru">' in said.html
    with app.app_context():
        g.reader = reader
        assert presentation.date_and_time(NOW) == "10 мар. 2026\u202fг., 21:00"


def test_a_name_brings_no_other_header_and_no_other_recipient(server):
    """Headers of more than a line lost the quotes of such names, and then named more recipients."""
    names = [
        "Ann\r\nBcc: eve@example.com",
        "Ann, eve@example.com, " * 4,
        '"Ann" <eve@example.com>, ' * 4,
        "=?utf-8?q?eve=40example=2Ecom=2C?=",
        "Анна, eve@example.com",
        "группа: eve@example.com;",
    ]
    for name in names:
        ann = make_user()
        ann.modify(name=name[:100])
        leave(ann)
        work()
        sent, envelope = server.mails[-1], server.envelopes[-1]
        assert (envelope.rcpt_tos, sent["To"], sent["Bcc"]) == ([ann.email], ann.email, None), name
        assert " ".join(ann.name.split()) in " ".join(parts_of(sent)[0].split()), name


def test_whose_address_may_be_a_strangers_is_not_called_by_name(server):
    """Whoever has others registered, or changes to their address, has nothing of their own said to them."""
    spammer = make_user(name="Win at http://evil.example")
    to_ann = {"user": spammer.id, "values": {"token": "x"}, "address": "ann@example.com"}
    deliveries.send_mail(key="1", template="email_change", **to_ann)
    work()
    spammer.modify(email_confirmed=False)
    deliveries.send_mail(key="2", template="confirm_email", user=spammer.id, values={"token": "x"})
    work()
    assert len(server.mails) == 2
    for sent in server.envelopes:
        assert b"Hello," in sent.content
        assert b"evil" not in sent.content


def test_what_users_write_is_text_in_both_parts_and_no_html(server):
    rita = make_user(roles=["reviewer"])
    leave(rita, {"kind": "request_waiting", "values": {"number": 7, "name": '<a href="//evil">&amp;</a>'}})
    work()
    (sent,) = server.mails
    text, html = parts_of(sent)
    assert sent["Subject"] == 'Request #7 from <a href="//evil">&amp;</a> waits for a decision.'
    assert 'Request #7 from <a href="//evil">&amp;</a> waits' in text
    assert "&lt;a href=&#34;//evil&#34;&gt;&amp;amp;&lt;/a&gt; waits" in html


def test_the_way_out_of_more_mail_stands_in_its_header_as_it_is(server):
    """A line that is longer than usual is neither broken nor encoded: a mailbox reads it to the letter."""
    way_out = "/unsubscribe/" + "x" * 200
    leave(make_user(), {**APPROVED, "unsubscribe": way_out})
    work()
    lines = server.envelopes[0].content.splitlines()
    assert f"List-Unsubscribe: <http://localhost{way_out}>".encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines


def test_a_subject_is_one_line_whatever_it_names(server):
    ann = make_user("ann@example.com")
    leave(ann, {"kind": "supported_listed", "values": {"symbol": "A\r\nBcc: eve@example.com\n\nHello"}})
    work()
    (sent,) = server.mails
    assert sent["Subject"].startswith("A Bcc: eve@example.com Hello, which you asked for")
    assert "Bcc" not in sent


@pytest.mark.parametrize(
    ("address", "goes_to"),
    [
        ("ann@пример.example", "ann@xn--e1afmkfd.example"),
        # Not strasse.example, as an older rule has it: that is somebody else's.
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
        ("анна@пример.example", "анна@xn--e1afmkfd.example"),
    ],
)
def test_a_domain_of_other_letters_is_written_as_servers_know_it(server, address, goes_to):
    ann = make_user()
    ann.modify(email=address)
    leave(ann)
    work()
    assert server.envelopes[0].rcpt_tos == [goes_to]


def test_what_a_server_cannot_write_to_is_given_up_with_the_reason(app, monkeypatch):
    with mail_server(app, monkeypatch, enable_SMTPUTF8=False) as server:
        make_user().modify(email="анна@example.com")
        leave(User.objects.get(email="анна@example.com"))
        work()
        assert server.envelopes == []
    assert (Delivery.objects.get().state, "SMTPUTF8" in Delivery.objects.get().last_error) == (State.DEAD, True)


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


@pytest.mark.parametrize("place", ["on_recipient", "on_mail"])
def test_a_server_that_ends_the_conversation_is_left_alone_for_a_minute(server, place):
    for user in (make_user(), make_user()):
        leave(user)
    setattr(server, place, "421 too many mails")
    assert work() == 1
    assert sorted(one.attempts for one in Delivery.objects) == [0, 1]


def test_a_page_does_not_wait_for_a_server_that_never_answers(app, client, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setitem(app.config, "MAIL_SERVER", "127.0.0.1")
        monkeypatch.setitem(app.config, "MAIL_PORT", silent.getsockname()[1])
        ann, rita = make_user(), make_user(roles=["reviewer"])
        notice_mail.choose(rita.id, topics=[], review="at_once")
        notice_mail.choose(ann.id, topics=["received"], review="none")
        sign_in(client, ann)
        assert client.post("/requests/new?kind=quota", data={"reason": "I ran out."}).status_code == 303
        assert {one.user for one in Delivery.objects} == {ann.id, rita.id}
        # Nobody has even tried to reach it.
        assert select.select([silent], [], [], 0) == ([], [], [])


def test_of_workers_at_once_each_hands_over_what_no_other_does(server, threads):
    for i in range(12):
        leave(make_user(), key=str(i))
    assert sum(threads(lambda _: work(), 4)) == 12
    assert len(server.mails) == len({sent["Message-ID"] for sent in server.mails}) == 12


def test_a_server_without_encryption_gets_nothing_where_it_is_asked_for(app, server, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_TLS", "starttls")
    leave(make_user())
    work()
    assert server.envelopes == []
    assert "STARTTLS" in Delivery.objects.get().last_error


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_mail_goes_out_encrypted_to_a_server_that_is_trusted_and_to_no_other(app, monkeypatch, tmp_path, way):
    trusted, context = certificates.make(tmp_path)
    options = {"tls_context": context, "require_starttls": True} if way == "starttls" else {"ssl_context": context}
    with mail_server(app, monkeypatch, **options) as server:
        monkeypatch.setitem(app.config, "MAIL_TLS", way)
        leave(make_user(), key="to a stranger")
        work()
        assert "CERTIFICATE_VERIFY_FAILED" in Delivery.objects.get().last_error
        assert server.envelopes == []
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        leave(make_user(), key="to a friend")
        work()
        assert len(server.envelopes) == 1
    assert Delivery.objects(key__endswith="to a friend").get().state == State.SENT


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
    erased, gone = make_user(), make_user()
    for user in (erased, gone):
        leave(user)
    gone.delete()
    erased.modify(deleted_at=NOW)
    work()
    assert (server.envelopes, {one.state for one in Delivery.objects}) == ([], {State.DEAD})


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
