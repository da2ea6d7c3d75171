"""The mails about signing in, from the page to a real mailbox and back by the link in them."""

import re
from functools import partial

import pytest

from app import clock, emails
from app.models.delivery import Kind
from app.models.password_reset import PasswordReset
from app.services import delivery_attempts, due, mail, passwords, security_notices, user_changes, users
from tests.factories import OPERATOR, PASSWORD, make_user
from tests.mail_server import mail_server, parts_of

LINK = re.compile(r"http://localhost(/(?:reset-password|confirm-email)/[\w.-]+)")


@pytest.fixture
def server(app, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", "open")
    with mail_server(app, monkeypatch) as server:
        yield server


def work():
    """A worker's round, when the grace is over."""
    PasswordReset.objects(due__0__exists=True).update(set__due__0__at=clock.now() - due.GRACE)
    due.perform_waiting()
    delivery_attempts.send_waiting(Kind.MAIL, partial(mail.deliver, render=emails.render))


def test_a_forgotten_password_is_replaced_by_the_link_in_the_mail(client, server):
    ann = make_user("ann@example.com", password=PASSWORD, name="Ann")
    client.post("/reset-password", data={"email": "ann@example.com"})
    work()
    (sent,) = server.mails
    text, html = parts_of(sent)
    assert (sent["To"], sent["Subject"]) == ("ann@example.com", "Choose a new password")
    link = LINK.search(text)[1]
    assert f'href="http://localhost{link}"' in html
    assert client.post(link, data={"password": "another ponies battery"}).status_code == 303
    assert passwords.matches(users.get(ann.id).password_hash, "another ponies battery")
    work()
    assert server.mails[1]["Subject"] == "Your password was changed."
    assert len(server.mails) == 2


def test_an_address_is_confirmed_by_the_link_in_the_mail(client, server):
    client.post("/register", data={"email": "ann@example.com", "password": PASSWORD, "name": "Ann"})
    work()
    (sent,) = server.mails
    assert sent["Subject"] == "Confirm your e-mail address"
    assert client.post(LINK.search(parts_of(sent)[0])[1]).status_code == 303
    assert users.by_email("ann@example.com").email_confirmed


def test_no_link_comes_from_the_host_that_a_caller_names(app, client, server, monkeypatch):
    ann, foreign = make_user("ann@example.com", password=PASSWORD), {"base_url": "http://evil.example"}
    assert client.get("/reset-password", **foreign).status_code == 400
    monkeypatch.setitem(app.config, "PUBLIC_URL", "")
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/reset-password", **foreign).text)[1]
    form = {"email": ann.email, "csrf_token": token}
    assert client.post("/reset-password", data=form, **foreign).status_code == 303
    work()
    (sent,) = server.mails
    assert "http://127.0.0.1:5000/reset-password/" in parts_of(sent)[0]
    assert "evil" not in sent.as_string()


def test_each_change_of_how_one_signs_in_has_a_sentence():
    said = {
        emails.render("security_notice", {"what": str(what)}, reader=make_user()).subject
        for what in security_notices.What
    }
    assert len(said) == len(security_notices.What)
    assert all(sentence.endswith(".") for sentence in said)


def test_a_user_hears_of_a_password_that_an_operator_has_set(server):
    ann = make_user("ann@example.com")
    user_changes.set_password(ann.id, PASSWORD, by=OPERATOR)
    work()
    assert [one["To"] for one in server.mails] == ["ann@example.com"]
