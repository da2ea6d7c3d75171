"""The tokens that a new user begins with, where they wait for a confirmed address: given once, whatever happens."""

import pytest
import time_machine
from mongoengine.connection import get_db

from app import clock
from app.models.account import Operation
from app.services import account_commit, due, ledger, token_accounts, user_changes, users
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, PASSWORD, make_user

ALLOWANCE, INITIAL = 100_000, 50_000


@pytest.fixture(autouse=True)
def mail(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")


@pytest.fixture
def ann():
    """Somebody who has registered."""
    return users.register("ann@example.com", password=PASSWORD, name="", locale="en", address=None, request_id=None)


def confirm(user):
    return user_changes.confirm_email(user.id, by=OPERATOR)


def grants(user):
    """What the ledger says was granted, and that it and the account are sound."""
    account = get_db().token_accounts.find_one({"_id": user.id})
    entries = sound_entries(user.id) if account else []
    return [entry["amount"] for entry in entries if entry["type"] == "grant"]


def balance(user):
    return token_accounts.view(user.id).balance


def spend_elsewhere(user, tokens=7, key=None):
    """A spend in another process, which shares no queue with this one."""
    operation = Operation("spend", {"tokens": tokens}, OPERATOR.stamp(), clock.now(), key=key)
    return account_commit.commit(user.id, [operation])[0]


def test_while_the_address_is_not_confirmed_there_is_only_the_allowance(ann):
    assert balance(ann) == ALLOWANCE
    assert token_accounts.spend(ann.id, 100, by=OPERATOR).available == ALLOWANCE - 100
    assert (grants(ann), balance(ann)) == ([], ALLOWANCE - 100)


def test_a_confirmed_address_brings_them_where_there_is_no_account_yet(ann):
    confirm(ann)
    assert (grants(ann), balance(ann)) == ([INITIAL], ALLOWANCE + INITIAL)
    token_accounts.spend(ann.id, 1, by=OPERATOR)
    assert (grants(ann), balance(ann)) == ([INITIAL], ALLOWANCE + INITIAL - 1)


def test_a_confirmed_address_brings_them_to_an_account_that_is_there(ann):
    token_accounts.spend(ann.id, 100, by=OPERATOR)
    confirm(ann)
    assert (grants(ann), balance(ann)) == ([INITIAL], ALLOWANCE + INITIAL - 100)
    (grant,) = token_accounts.view(ann.id).grants
    assert (grant.source, grant.left, grant.expires_at) == ("initial", INITIAL, None)
    given = next(entry for entry in ledger.history(ann.id) if entry["type"] == "grant")
    assert (given["key"], given["by"]["kind"], given["description"]) == ("initial", "system", "Initial grant")


@pytest.mark.parametrize("spends_first", [False, True])
def test_confirming_often_brings_them_once(ann, spends_first, threads):
    if spends_first:
        token_accounts.spend(ann.id, 1, by=OPERATOR)
    threads(lambda _: confirm(ann), 8)
    get_db().users.update_one({"_id": ann.id}, {"$set": {"email_confirmed": False}})
    confirm(ann)
    assert grants(ann) == [INITIAL]


def test_who_had_them_before_gets_no_more(ann, app, monkeypatch):
    """Mail was configured after the account was opened."""
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")
    token_accounts.spend(ann.id, 1, by=OPERATOR)
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 70_000)
    assert confirm(ann).due == []
    assert grants(ann) == [INITIAL]


def test_without_mail_nothing_waits(ann, app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")
    assert balance(ann) == ALLOWANCE + INITIAL
    confirm(ann)
    assert (grants(ann), balance(ann)) == ([INITIAL], ALLOWANCE + INITIAL)


def test_whom_an_operator_made_does_not_wait():
    assert balance(make_user()) == ALLOWANCE + INITIAL


def test_where_the_setting_is_nothing_nothing_is_given(ann, app, monkeypatch):
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 0)
    assert confirm(ann).due == []
    assert (grants(ann), balance(ann)) == ([], ALLOWANCE)


@pytest.mark.parametrize("key", [None, "call-1"])
def test_an_account_that_is_opened_while_the_address_is_being_confirmed_gets_them(ann, statements, key):
    """The opener has read a user who is not confirmed yet, and comes to write after everything else is done."""
    with statements.meanwhile("insert token_accounts", lambda: confirm(ann)) as fate:
        spend_elsewhere(ann, key=key)
    assert fate.happened
    assert (grants(ann), balance(ann)) == ([INITIAL], ALLOWANCE + INITIAL - 7)


def test_an_account_that_another_opens_just_before_the_grant_gets_them_once(ann, statements):
    with statements.meanwhile("insert token_accounts", lambda: spend_elsewhere(ann)) as fate:
        confirm(ann)
    assert fate.happened
    assert (grants(ann), balance(ann)) == ([INITIAL], ALLOWANCE + INITIAL - 7)


def test_spends_and_confirmations_all_at_once_bring_them_once(threads):
    for n in range(10):
        user = users.register(
            f"user{n}@example.net", password=None, name="", locale="en", address=None, request_id=None
        )
        threads(
            lambda i, user=user: confirm(user) if i % 2 else token_accounts.spend(user.id, 1, by=OPERATOR, key=f"{i}"),
            8,
        )
        assert (grants(user), balance(user)) == ([INITIAL], ALLOWANCE + INITIAL - 4)


@pytest.mark.parametrize("spends_first", [False, True])
def test_wherever_the_process_dies_they_come_once(statements, spends_first):
    for at in range(1, 40):
        user = make_user()
        get_db().users.update_one({"_id": user.id}, {"$set": {"email_confirmed": False}})
        if spends_first:
            token_accounts.spend(user.id, 1, by=OPERATOR)
        with statements.dying(at, after=at % 2 == 0) as fate:
            confirm(user)
        confirm(user)
        with time_machine.travel(clock.now() + due.GRACE):
            due.perform_waiting()
        assert grants(user) == [INITIAL]
        assert users.get(user.id).due == []
        if not fate.happened:
            break
    assert at > 8
