"""A forgotten password, as a browser and a mailbox see it; the answers tell nobody who has an account."""

import re
from datetime import timedelta

import pytest
import time_machine
from argon2 import PasswordHasher
from mongoengine.connection import get_db

from app import clock
from app.models.audit_event import AuditEvent
from app.models.delivery import Delivery
from app.models.password_reset import PasswordReset
from app.models.user import User
from app.services import (
    due,
    login_sessions,
    password_resets,
    passwords,
    signed_tokens,
    token_accounts,
    user_changes,
    users,
)
from tests.effects import outcome
from tests.factories import OPERATOR, PASSWORD, make_user
from tests.page_client import text_of

URL, EMAIL, NEW = "/reset-password", "ann@example.com", "another ponies battery"
HERE = "192.0.2.1"
SENT = "If there is an account with this address, we have sent a link to it."
GONE = "This link does not work any more"


@pytest.fixture(autouse=True)
def settings(app, monkeypatch):
    """Mail, and passwords at the least cost."""
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def ann():
    return make_user(EMAIL, password=PASSWORD)


def worker():
    """What a worker does when the grace is over."""
    PasswordReset.objects(due__0__exists=True).update(set__due__0__at=clock.now() - due.GRACE)
    due.perform_waiting()


def ask(client, email=EMAIL):
    response = client.post(URL, data={"email": email})
    worker()
    return response


def tokens():
    """What the links of all mails carry, oldest first."""
    return [one.values["token"] for one in Delivery.objects(what="password_reset").order_by("id")]


def link(client):
    ask(client)
    return f"{URL}/{tokens()[-1]}"


# --- asking -----------------------------------------------------------------------------------------------------------


def test_the_sign_in_page_leads_there_only_where_mail_is_sent(app, client, monkeypatch):
    assert f'href="{URL}"' in client.get("/sign-in").text
    assert client.get(URL).status_code == 200
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")
    assert f'href="{URL}"' not in client.get("/sign-in").text
    assert [client.get(URL).status_code, client.post(URL, data={"email": EMAIL}).status_code] == [404, 404]


@pytest.mark.parametrize("email", [EMAIL, " ANN@Example.com", "nobody@example.com"])
def test_the_answer_is_the_same_and_only_a_user_gets_a_mail(client, ann, email):
    response = ask(client, email)
    assert (response.status_code, response.location) == (303, "/sign-in")
    assert SENT in text_of(client.get("/sign-in"))
    mails = [(one.user, one.what, one.address) for one in Delivery.objects]
    assert mails == ([] if email.startswith("nobody") else [(ann.id, "password_reset", None)])
    assert PasswordReset.objects.get().due == []


def test_asking_costs_the_same_work_for_everybody(client, ann, statements):
    said = []
    for email in (EMAIL, "nobody@example.com"):
        client.get(URL)
        statements.said.clear()
        client.post(URL, data={"email": email})
        said.append([re.sub(r"[0-9a-f]{24,}|\d+", "", str(one)) for one in statements.said])
    assert len(said[0]) == len(said[1])
    assert not any("users" in one for one in said[0])


def test_who_gets_a_link(client, ann):
    named = {
        "confirmed without a password": (make_user("bo@example.com"), 1),
        "neither": (make_user("cy@example.com"), 0),
        "deactivated": (make_user("di@example.com"), 0),
    }
    User.objects(email="cy@example.com").update(email_confirmed=False)
    user_changes.deactivate(named["deactivated"][0].id, by=OPERATOR)
    for what, (user, mails) in named.items():
        ask(client, user.email)
        assert Delivery.objects(user=user.id).count() == mails, what


def test_a_worker_that_repeats_sends_one_mail(client, ann):
    client.post(URL, data={"email": EMAIL})
    item = PasswordReset.objects.get().due[0]
    for _ in range(2):
        due.VERBS[item["verb"]](key=item["key"], at=item["at"], **item["arguments"])
    worker()
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(
    ("email", "said"),
    [("", "Enter your e-mail address."), ("ann", "Enter an e-mail address, such as"), ("x" * 255, "254")],
)
def test_what_is_no_address_is_said(client, email, said):
    page = ask(client, email)
    assert page.status_code == 400
    assert said in text_of(page)
    assert PasswordReset.objects.count() == 0


@pytest.mark.parametrize(
    ("emails", "allowed"), [([EMAIL], 5), (["nobody@example.com"], 5), ([f"u{n}@example.com" for n in range(11)], 10)]
)
def test_too_many_are_told_the_time_to_wait_whoever_it_is(client, ann, emails, allowed):
    answers = [client.post(URL, data={"email": emails[n % len(emails)]}) for n in range(allowed + 1)]
    assert [one.status_code for one in answers] == [303] * allowed + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "Too many attempts" in text_of(answers[-1])


# --- the link ---------------------------------------------------------------------------------------------------------


def test_the_link_gives_a_new_password_and_ends_all_sessions(client, ann):
    session_token, url = login_sessions.start(ann), link(client)
    page = client.get(url)
    assert 'autocomplete="new-password"' in page.text
    assert f'value="{EMAIL}" autocomplete="username" readonly' in page.text
    response = client.post(url, data={"password": NEW})
    assert (response.status_code, response.location) == (303, "/sign-in")
    assert "You have a new password" in text_of(client.get("/sign-in"))
    user = users.get(ann.id)
    assert passwords.matches(user.password_hash, NEW)
    assert login_sessions.find(session_token) is None
    assert get_db().login_sessions.count_documents({}) == 0, "nobody is signed in by it"
    assert "user.set_password" in AuditEvent.objects.scalar("action")
    assert Delivery.objects(what="security_notice", user=ann.id).count() == 1


def test_its_page_stays_in_no_cache_and_its_address_goes_to_no_other_site(client, ann):
    url = link(client)
    for page in (client.get(url), client.post(url, data={"password": "short"}), client.get(f"{url}x")):
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert re.findall(r'(?:href|src|action)="(?!/|#)', page.text) == []


def test_it_works_once_and_so_do_all_that_were_sent(client, ann):
    urls = [link(client), link(client)]
    assert client.post(urls[0], data={"password": NEW}).status_code == 303
    for url in urls:
        for response in (client.get(url), client.post(url, data={"password": "a third ponies battery"})):
            assert response.status_code == 404
            assert GONE in text_of(response)
    assert passwords.matches(users.get(ann.id).password_hash, NEW)


def test_of_eight_who_use_it_at_once_one_sets_the_password(client, ann, threads):
    token = link(client).rpartition("/")[2]
    use = password_resets.use
    outcomes = threads(lambda n: outcome(use, token, f"ponies number {n} battery", address=f"192.0.2.{n}"), 8)
    assert sorted(outcomes) == ["LinkUnusable"] * 7 + ["done"]
    assert passwords.matches(users.get(ann.id).password_hash, f"ponies number {outcomes.index('done')} battery")


def test_it_ends_after_an_hour(client, ann):
    url, start = link(client), clock.now()
    for minutes, status in ((58, 200), (61, 404)):
        with time_machine.travel(start + timedelta(minutes=minutes)):
            assert client.get(url).status_code == status


@pytest.mark.parametrize("change", ["another password", "another address", "deactivated", "gone"])
def test_it_fits_only_the_user_as_they_were(client, ann, change):
    url = link(client)
    {
        "another password": lambda: user_changes.set_password(ann.id, NEW, by=OPERATOR),
        "another address": lambda: User.objects(id=ann.id).update(email="other@example.com"),
        "deactivated": lambda: user_changes.deactivate(ann.id, by=OPERATOR),
        "gone": lambda: User.objects(id=ann.id).delete(),
    }[change]()
    assert (
        client.get(url).status_code == client.post(url, data={"password": "a third ponies battery"}).status_code == 404
    )


@pytest.mark.parametrize("token", ["x", "$ne", "a.b.c", "%00", "%F0%9F", "WyJ4IiwieSJd.aSBhbQ.bm90IHNpZ25lZA"])
def test_what_is_no_link_does_not_work(client, token):
    assert client.get(f"{URL}/{token}").status_code == 404


def test_a_link_of_another_kind_is_none(app, client, ann):
    for purpose in ("second step", "e-mail confirmation", "two-factor setup"):
        assert client.get(f"{URL}/{signed_tokens.sign([str(ann.id), 'x'], purpose=purpose)}").status_code == 404


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "Choose a password."),
        ("short", "Use between 10 and 200"),
        (EMAIL, "Do not use your e-mail"),
        ("x" * 201, "200"),
    ],
)
def test_a_bad_password_is_said_and_uses_nothing_up(client, ann, password, said):
    url = link(client)
    page = client.post(url, data={"password": password})
    assert page.status_code == 400
    assert said in text_of(page)
    assert client.post(url, data={"password": NEW}).status_code == 303


def test_too_many_tries_are_refused_for_a_while(client, ann):
    url = link(client)
    statuses = [client.post(url, data={"password": "short"}).status_code for _ in range(11)]
    assert statuses == [400] * 10 + [429]


def test_a_form_without_its_token_is_refused(client, ann):
    url = link(client)
    assert client.post(url, data={"password": NEW}, csrf=False).status_code == 400
    assert passwords.matches(users.get(ann.id).password_hash, PASSWORD)


def test_the_mail_has_shown_whose_address_it_is(client, ann):
    User.objects(id=ann.id).update(email_confirmed=False)
    url, epoch = link(client), ann.session_epoch
    assert client.post(url, data={"password": NEW}).status_code == 303
    user = users.get(ann.id)
    assert (user.email_confirmed, user.session_epoch) == (True, epoch + 1)
    assert token_accounts.view(ann.id).available == 150_000
    said = list(AuditEvent.objects(object__id=str(ann.id), actor__id=str(ann.id)).scalar("action"))
    assert sorted(said) == ["user.confirm_email", "user.set_password"]
