"""The pages that explain a figure, and why somebody was stopped, for the owner of the account."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.models.account import GrantSource
from app.services import explanation, quota_requests, review, token_accounts
from app.services.explanation import Figure
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user, sign_in
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


# --- what makes up a figure -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("available", "82,300 = 82,500 balance − 200 held"),
        ("balance", "82,500 = 32,500 left of the allowance + 50,000 from grants"),
        ("allowance", "32,500 = 100,000 limit − 67,500 used"),
        ("used", "67,500 = 100,000 limit − 32,500 left of the allowance"),
        ("limit", "100,000 = 67,500 used + 32,500 left of the allowance"),
        ("grants", "50,000 = 50,000 given − 0 taken"),
        ("held", "Chat answer"),
        ("calls", "Usage +1"),
        ("lifetime-calls", "Usage +1"),
        ("lifetime-tokens", "Usage +67,500"),
    ],
)
def test_a_page_says_what_makes_up_a_figure(client, user, figure, said):
    spend(user, 67_500)
    token_accounts.hold(user.id, 200, by=OPERATOR, description="Chat answer")
    assert said in text_of(client.get(f"/account/explain/{figure}"))


def test_every_figure_of_the_card_leads_to_its_explanation(client, user):
    spend(user, 1)
    card = re.search(r'<section class="account-card".*?</section>', client.get("/account").text, re.DOTALL)[0]
    figures = set(re.findall(r'href="/account/explain/([a-z-]+)"', card))
    assert figures == set(Figure)
    assert len(re.findall(r'<span class="number"|<strong class="number"', card)) == card.count(' class="number"')
    # Nothing that is a number stands beside the links.
    assert not re.search(r"\d", text_without_links(card))


def text_without_links(html: str) -> str:
    html = re.sub(r"<h2.*?</h2>|<progress.*?</progress>|<p>Resets in.*?</p>", "", html, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", re.sub(r"<a .*?</a>", "", html, flags=re.DOTALL))


def test_figures_lead_to_each_other_and_back(client):
    page = client.get("/account/explain/balance").text
    assert 'href="/account/explain/allowance"' in page
    assert 'href="/account/explain/grants"' in page
    assert 'class="page-back" href="/account"' in page


def test_a_grant_has_a_page_of_its_own(client, user):
    token_accounts.grant(user.id, 900, source=GrantSource.BETA, by=OPERATOR, reason="Welcome to the beta")
    spend(user, 100_100)
    address = re.search(
        r'href="(/account/explain/grants\?grant=[0-9a-f]{24})">Beta program', client.get("/account").text
    )
    text = text_of(client.get(address[1]))
    assert "900 = 900 given − 0 taken" in text
    assert "Welcome to the beta" in text
    assert "Welcome tokens" not in text


def test_the_grant_of_a_new_user_can_be_opened_too(client):
    address = re.search(r'href="(/account/explain/grants\?grant=[0-9a-f]{24})"', client.get("/account").text)
    assert "50,000 = 50,000 given" in text_of(client.get(address[1]))


def test_a_long_table_ends_with_the_sum_of_what_is_older(client, user, monkeypatch):
    monkeypatch.setattr(explanation, "MOST_ROWS", 5)
    for tokens in range(1, 21):
        spend(user, tokens)
    text = text_of(client.get("/account/explain/allowance"))
    assert "All earlier entries +99,880" in text
    assert "Left now 99,790" in text
    assert "15 earlier entries +120" in text_of(client.get("/account/explain/lifetime-tokens"))


@pytest.mark.parametrize("figure", Figure)
def test_a_user_without_tokens_reads_every_page(app, figure):
    prepaid = make_user(tier="prepaid")
    spend(prepaid, 50_000)
    assert sign_in(app.test_client(), prepaid).get(f"/account/explain/{figure}").status_code == 200


def test_what_somebody_wrote_is_text_and_no_html(client, user):
    spend(user, 1, description="<b onclick='go()'>x</b> {{ 7 * 7 }}")
    assert "&lt;b onclick=&#39;go()&#39;&gt;x&lt;/b&gt; {{ 7 * 7 }}" in client.get("/account/explain/balance").text


@pytest.mark.parametrize(
    "address",
    ["nothing", "BALANCE", "$ne", "grants?grant=x", "grants?grant=$ne", f"grants?grant={'f' * 24}", "lifetime_calls"],
)
def test_what_is_no_figure_is_not_found(client, user, address):
    spend(user, 1)
    assert client.get(f"/account/explain/{address}").status_code == 404


def test_nobody_opens_the_grant_of_another(app, user):
    spend(user, 1)
    grant = token_accounts.view(user.id).grants[0].id
    other = make_user()
    spend(other, 1)
    assert sign_in(app.test_client(), other).get(f"/account/explain/grants?grant={grant}").status_code == 404


@pytest.mark.parametrize("address", ["/account/explain/balance", "/account/stopped"])
def test_a_stranger_is_asked_to_sign_in(app, address):
    assert app.test_client().get(address).location == f"/sign-in?next={address}"


@pytest.mark.parametrize("address", ["/account/explain/balance", "/account/stopped"])
def test_they_take_nothing(client, address):
    assert client.post(address).status_code == 405


# --- why somebody was stopped -----------------------------------------------------------------------------------------


def test_who_has_tokens_is_not_stopped(client):
    assert "Nothing stops you 150,000 tokens are available" in text_of(client.get("/account/stopped"))


def test_who_has_used_all_reads_when_it_renews_and_may_ask(app):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 149_900)
        time.shift(timedelta(days=4, hours=19))
        page = sign_in(app.test_client(), user).get("/account/stopped")
    text = text_of(page)
    assert "The allowance of this period is used up, and too little is left of the grants." in text
    assert "The allowance of 100,000 tokens renews in 2 days 5 hours, on Nov 9, 2026" in text
    assert 'href="/requests/new?kind=quota">Request more tokens' in page.text


def test_tokens_that_are_held_are_free_again_at_the_latest_when_the_hold_ends(app):
    with time_machine.travel(MONDAY, tick=False):
        user = make_user()
        token_accounts.hold(user.id, 149_900, by=OPERATOR, ttl=600)
        text = text_of(sign_in(app.test_client(), user).get("/account/stopped"))
    assert "Tokens are held: the balance would be enough" in text
    assert "149,900, until Nov 2, 2026, 9:10" in text
    assert "free again; at the latest on Nov 2, 2026, 9:10" in text


def test_a_lower_tier_is_named(client, user):
    token_accounts.change_tier(user.id, "pro", by=OPERATOR, reason="Trial")
    spend(user, 350_000)
    token_accounts.change_tier(user.id, "free", by=OPERATOR, reason="Trial is over")
    spend(user, 50_000)
    text = text_of(client.get("/account/stopped"))
    assert "The tier was lowered: 350,000 tokens are used in this period, and the allowance is now 100,000." in text
    assert "650,000 tokens less" in text


def test_without_an_allowance_nothing_renews_and_nothing_can_be_asked_for(app):
    prepaid = make_user(tier="prepaid")
    spend(prepaid, 50_000)
    page = sign_in(app.test_client(), prepaid).get("/account/stopped")
    text = text_of(page)
    assert "The grants are used up, and this tier has no allowance that renews." in text
    assert "Your tier has no allowance that could be reset." in text
    assert "/requests/new" not in page.text


def test_grants_that_expired_in_this_period_are_named(app):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        ends = MONDAY + timedelta(days=1)
        token_accounts.grant(user.id, 900, source=GrantSource.BETA, by=OPERATOR, reason="A gift", expires_at=ends)
        spend(user, 100_000)
        time.shift(timedelta(days=2))
        spend(user, 50_000)
        text = text_of(sign_in(app.test_client(), user).get("/account/stopped"))
    assert "Expired in this period 900 tokens, Nov 3, 2026" in text


def test_who_has_asked_reads_that_the_request_is_being_reviewed(client, user):
    token_request = make_request(user, used=150_000)
    page = client.get("/account/stopped")
    assert f"Request #{token_request.number} is being reviewed" in text_of(page)
    assert "/requests/new" not in page.text


def test_who_has_asked_three_times_today_reads_when_the_next_is_possible(client, user):
    spend(user, 150_000)
    for _ in range(3):
        token_request = quota_requests.submit(user, reason="I ran out.", by=actor_of(user))
        review.reject(token_request, by=actor_of(make_admin()), response="Not now.")
    assert "You sent 3 of 3 requests today." in text_of(client.get("/account/stopped"))


@pytest.mark.parametrize("page", ["/account", "/chat"])
def test_who_is_out_of_tokens_is_led_there(client, user, page):
    assert "/account/stopped" not in client.get(page).text
    spend(user, 150_000)
    assert 'href="/account/stopped"' in client.get(page).text


def test_the_notice_of_the_last_tokens_leads_there(client, user):
    spend(user, 149_900)
    opened = re.search(r'action="(/notifications/[0-9a-f]{24}/open)"', client.get("/notifications").text)[1]
    assert client.post(opened).location == "/account/stopped"
