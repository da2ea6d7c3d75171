"""The balance in the header, as open pages ask for it."""

from datetime import timedelta

import time_machine

from app import clock
from app.models.login_session import LoginSession
from app.services import token_accounts
from tests.factories import OPERATOR, make_user, sign_in

BALANCE = "/account/balance"


def test_the_balance_is_told_as_the_header_shows_it(client):
    user = make_user()
    sign_in(client, user)
    told = client.get(BALANCE).json
    assert told == {"available": 150_000, "shown": "150,000", "title": "150,000 tokens available", "is_low": False}
    page = client.get("/account").text
    assert 'data-balance="/account/balance"' in page
    assert "<span data-available>150,000</span>" in page
    token_accounts.spend(user.id, 149_001, by=OPERATOR)
    assert client.get(BALANCE).json["is_low"] is True


def test_it_is_written_in_the_readers_language(client):
    user = make_user()
    user.update(locale="ru")
    sign_in(client, user)
    assert client.get(BALANCE).json["shown"] == "150\N{NO-BREAK SPACE}000"


def test_what_has_not_changed_is_not_sent_again(client):
    user = make_user()
    sign_in(client, user)
    tag = client.get(BALANCE).headers["ETag"]
    again = client.get(BALANCE, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == "no-store"
    token_accounts.spend(user.id, 1, by=OPERATOR)
    assert client.get(BALANCE, headers={"If-None-Match": tag}).json["available"] == 149_999


def test_it_takes_two_round_trips(client, statements):
    user = make_user()
    token_accounts.spend(user.id, 1, by=OPERATOR)
    sign_in(client, user)
    client.get("/account")
    statements.said.clear()
    client.get(BALANCE)
    assert statements.said == ["aggregate login_sessions", "find token_accounts"], statements.said


def test_a_page_that_asks_by_itself_keeps_no_session_alive(client):
    sign_in(client, make_user())
    started = clock.now()
    for hours in (4, 8, 11):
        with time_machine.travel(started + timedelta(hours=hours)):
            assert client.get(BALANCE).status_code == 200
    assert LoginSession.objects.get().last_seen_at <= started
    with time_machine.travel(started + timedelta(hours=12, minutes=1)):
        assert client.get(BALANCE).status_code == 303


def test_who_is_not_signed_in_is_asked_to(client):
    response = client.get(BALANCE)
    assert (response.status_code, response.location.partition("?")[0]) == (303, "/sign-in")
