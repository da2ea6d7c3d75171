"""Confirming an e-mail address: the mail at registration, its link, and another mail."""

from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.audit_event import AuditEvent
from app.models.delivery import Delivery
from app.models.user import User
from app.services import email_confirmations, token_accounts, user_changes, users
from tests.factories import OPERATOR, PASSWORD, make_user, sign_in
from tests.page_client import text_of

EMAIL, WANTED = "ann@example.com", "is not confirmed"


@pytest.fixture(autouse=True)
def settings(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    monkeypatch.setitem(app.config, "REGISTRATION", "open")


@pytest.fixture
def ann():
    return users.register(EMAIL, password=PASSWORD, name="Ann", locale="en", address=None, request_id=None)


def links():
    return [f"/confirm-email/{one.values['token']}" for one in Delivery.objects(what="confirm_email").order_by("id")]


def test_who_registers_is_sent_a_link_that_brings_the_first_tokens(client):
    client.post("/register", data={"email": EMAIL, "password": PASSWORD, "name": "Ann"})
    page = text_of(client.get("/account"))
    assert "We have sent you a link." in page
    assert WANTED in page
    ann = User.objects.get()
    assert token_accounts.view(ann.id).available == 100_000
    (link,) = links()
    assert "belongs to the account of Ann" in text_of(client.get(link))
    assert not users.get(ann.id).email_confirmed, "looking confirms nothing"
    response = client.post(link)
    assert (response.status_code, response.location) == (303, "/account")
    page = text_of(client.get("/account"))
    assert "The address ann@example.com is confirmed." in page
    assert WANTED not in page
    assert token_accounts.view(ann.id).available == 150_000


def test_a_second_click_changes_nothing(client, ann):
    for _ in range(2):
        assert client.post(links()[0]).status_code == 303
    assert "There is nothing more to do" in text_of(client.get(links()[0]))
    assert AuditEvent.objects(action="user.confirm_email").count() == 1


def test_an_address_that_changes_meanwhile_is_not_confirmed_by_the_link_to_the_old_one(ann):
    User.objects(id=ann.id).update(email="other@example.com")
    assert not user_changes.confirm_email(ann.id, by=OPERATOR, email=EMAIL).email_confirmed


def test_twenty_clicks_at_once_bring_the_tokens_once(app, ann, threads):
    token = links()[0].rpartition("/")[2]
    confirm = email_confirmations.confirm
    threads(lambda n: confirm(token, address=f"192.0.2.{n}"), 20)
    assert token_accounts.view(ann.id).available == 150_000
    assert AuditEvent.objects(action="user.confirm_email").count() == 1


@pytest.mark.parametrize("change", ["another address", "deactivated", "gone", "three days", "forged"])
def test_what_the_link_does_not_fit(client, ann, change):
    link, days = links()[0], 0
    if change == "another address":
        User.objects(id=ann.id).update(email="other@example.com")
    elif change == "deactivated":
        user_changes.deactivate(ann.id, by=OPERATOR)
    elif change == "gone":
        User.objects(id=ann.id).delete()
    elif change == "three days":
        days = 3.1
    else:
        link = link[:-2] + "xx"
    with time_machine.travel(clock.now() + timedelta(days=days)):
        for response in (client.get(link), client.post(link)):
            assert response.status_code == 404
            assert "This link does not work any more" in text_of(response)
    assert User.objects(email_confirmed=True).count() == 0


def test_another_mail_can_be_had_three_times_an_hour(client, ann):
    sign_in(client, ann)
    answers = [client.post("/confirm-email") for _ in range(3)]
    assert "We have sent a link to ann@example.com." in text_of(client.get("/account"))
    assert [one.status_code for one in (*answers, client.post("/confirm-email"))] == [303, 303, 303, 429]
    assert len(links()) == 4
    assert client.post(links()[-1]).status_code == 303


def test_who_has_confirmed_is_sent_nothing_more(client):
    sign_in(client, make_user())
    assert client.post("/confirm-email").status_code == 303
    assert links() == []


def test_another_mail_is_for_who_is_signed_in(client, ann):
    assert client.post("/confirm-email").location == "/sign-in"
    assert len(links()) == 1


def test_without_mail_nothing_is_asked(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")
    ann = users.register(EMAIL, password=PASSWORD, name="Ann", locale="en", address=None, request_id=None)
    assert WANTED not in text_of(sign_in(client, ann).get("/account"))
    assert Delivery.objects.count() == 0
