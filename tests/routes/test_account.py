"""The account page: what there is, and every change of it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app import clock
from app.models.account import EntryType, GrantSource
from app.services import account_commit, token_accounts
from tests.factories import OPERATOR, make_user, sign_in
from tests.page_client import text_of

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def spend(user, tokens, **values):
    return token_accounts.spend(user.id, tokens, by=OPERATOR, **values)


def older_page(response):
    return re.search(r'rel="next" href="([^"]+)"', response.text)[1].replace("&amp;", "&")


# --- works ------------------------------------------------------------------------------------------------------------


def test_the_card_says_what_there_is(client, user):
    spend(user, 67_500)
    text = text_of(client.get("/account"))
    assert "Tier: FREE (100K/week)" in text
    assert "82,500 tokens available" in text
    assert "67,500 of 100,000 used 67.5%" in text
    assert "Welcome tokens" in text
    assert "50,000 of 50,000" in text


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (timedelta(0), "Resets in 7 days"),
        (timedelta(days=4, hours=19), "Resets in 2 days 5 hours"),
        (timedelta(days=6, hours=23, minutes=58), "Resets in 2 minutes"),
        (timedelta(days=6, hours=23, minutes=59, seconds=59), "Resets in 1 minute"),
    ],
)
def test_the_card_says_when_the_allowance_renews(app, user, later, said):
    with time_machine.travel(MONDAY, tick=False) as time:
        spend(user, 1)
        time.shift(later)
        assert said in text_of(sign_in(app.test_client(), user).get("/account"))


def test_an_account_without_an_allowance_has_no_bar(app):
    prepaid = make_user(tier="prepaid")
    response = sign_in(app.test_client(), prepaid).get("/account")
    assert "Tier: PREPAID (no allowance)" in text_of(response)
    assert "<progress" not in response.text


def test_each_grant_says_when_it_expires(client, user):
    at = clock.now() + timedelta(days=3)
    token_accounts.grant(user.id, 1_234, source=GrantSource.BETA, by=OPERATOR, reason="Welcome", expires_at=at)
    response = client.get("/account")
    assert "1,234 of 1,234" in text_of(response)
    assert f'<time datetime="{at.isoformat()}">' in response.text


def test_each_entry_has_its_sign_and_the_balance_before_and_after(client, user):
    spend(user, 700, description="An answer")
    token_accounts.add_bonus(user.id, 300, by=OPERATOR, reason="An apology")
    text = text_of(client.get("/account"))
    assert "Usage −700 Before 150,000 After 149,300 An answer" in text
    assert "Bonus +300 Before 149,300 After 149,600 An apology" in text


def test_a_new_user_reads_what_the_account_begins_with(client):
    text = text_of(client.get("/account"))
    assert "150,000 tokens available" in text
    assert "Grant +50,000 Before 100,000 After 150,000 Initial grant" in text
    assert "+100,000 Before 0 After 100,000 First period" in text


def test_a_user_whose_account_begins_with_nothing_reads_what_will_stand_here(app, monkeypatch):
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 0)
    prepaid = make_user(tier="prepaid")
    assert "Nothing has happened yet" in text_of(sign_in(app.test_client(), prepaid).get("/account"))


def test_the_card_is_what_the_newest_entry_says_also_while_tokens_are_spent(client, user, statements):
    spend(user, 100)
    account_commit.drain(user.id)
    with statements.meanwhile("find ledger_entries", lambda: spend(user, 50)) as fate:
        text = text_of(client.get("/account"))
    assert fate.happened
    assert "100 of 100,000 used" in text
    assert "Usage −100 Before 150,000 After 149,900" in text
    assert "Usage −50" not in text


def test_the_history_shows_one_type_where_asked(client, user):
    spend(user, 1, description="An answer")
    token_accounts.hold(user.id, 5, by=OPERATOR)
    assert "An answer" not in client.get("/account?type=hold").text
    assert text_of(client.get("/account?type=hold")).count("Before") == 2  # The heading, and one entry.
    assert "An answer" in client.get("/account?type=usage").text
    assert "Nothing of this type" in client.get("/account?type=purchase").text
    assert all(client.get(f"/account?type={type_}").status_code == 200 for type_ in EntryType)


def test_the_card_shows_all_figures(client, user):
    spend(user, 67_500)
    token_accounts.hold(user.id, 500, by=OPERATOR)
    text = text_of(client.get("/account"))
    assert "82,000 tokens available" in text
    assert "Left of the allowance 32,500 Grants 50,000 Balance 82,500 Held 500 Period" in text
    assert "Calls this period 1 Lifetime calls 1 Lifetime tokens 67.5K Last usage" in text
    assert 'title="67,500">67.5K' in client.get("/account").text


def test_holds_stand_in_the_history_where_asked(client, user):
    spend(user, 1, description="An answer")
    hold = token_accounts.hold(user.id, 5, by=OPERATOR, description="Another answer")
    token_accounts.release(hold.hold_id, by=OPERATOR)
    assert "Another answer" not in client.get("/account").text
    page = client.get("/account?type=&holds=shown")
    assert "Another answer" in page.text
    assert "An answer" in page.text
    assert 'name="holds" value="shown" checked' in page.text


def test_holds_stay_in_the_history_from_page_to_page(client, user):
    for n in range(26):
        token_accounts.release(
            token_accounts.hold(user.id, 1, by=OPERATOR, description=f"Try {n}.").hold_id, by=OPERATOR
        )
    assert "Try 0." in client.get(older_page(client.get("/account?holds=shown"))).text


def test_the_history_can_be_taken_along(client, user):
    spend(user, 1)
    page = client.get("/account").text
    for address in ("/account/ledger.csv", "/account/ledger.jsonl"):
        assert f'href="{address}"' in page
        assert client.get(address).status_code == 200


def test_the_history_goes_on_page_by_page(client, user):
    for n in range(60):
        spend(user, 1, description=f"Answer {n}.")
    first = client.get("/account?type=usage")
    second = client.get(older_page(first))
    shown = [set(re.findall(r"Answer \d+\.", page.text)) for page in (first, second)]
    assert [len(rows) for rows in shown] == [50, 10]
    assert not shown[0] & shown[1]
    assert 'rel="next"' not in second.text
    assert 'rel="prev" href="/account?type=usage"' in second.text


def test_what_somebody_wrote_is_text_and_no_html(client, user):
    spend(user, 1, description="<b onclick='go()'>x</b> Ünïcode 🙂 {{ 7 * 7 }} $set")
    assert "&lt;b onclick=&#39;go()&#39;&gt;x&lt;/b&gt; Ünïcode 🙂 {{ 7 * 7 }} $set" in client.get("/account").text


# --- denied, invalid --------------------------------------------------------------------------------------------------


def test_a_stranger_is_asked_to_sign_in(app):
    assert app.test_client().get("/account").location == "/sign-in?next=/account"


@pytest.mark.parametrize(
    "query",
    [
        "holds=yes",
        "type=nonsense",
        "type=$ne",
        "before=x",
        "before=-1",
        "before=1.5",
        "before=٣",
        "before=1" + "0" * 15,
    ],
)
def test_a_malformed_address_is_refused(client, query):
    assert client.get(f"/account?{query}").status_code == 400


def test_a_page_beyond_the_end_is_empty(client, user):
    spend(user, 1)
    assert client.get("/account?before=1").status_code == 200


def test_it_takes_nothing(client):
    response = client.post("/account")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_nobody_sees_another_account(app, user):
    spend(user, 1, description="Private")
    assert "Private" not in sign_in(app.test_client(), make_user()).get("/account").text
