"""Where an admin begins."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.services import account_commit, review, statistics, token_accounts
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of


def test_it_shows_what_waits_and_who_waits_longest(client):
    admin = make_admin()
    first = make_request(make_user(name="Ann"), reason="The first reason")
    make_request(reason="The second reason")
    review.approve(make_request(), by=actor_of(admin))
    text = text_of(sign_in(client, admin).get("/admin"))
    assert "Waiting for a decision 2 requests" in text
    assert "The first reason" in text
    assert f"Read request #{first.number}" in text


def test_it_says_when_nothing_waits(client):
    text = text_of(sign_in(client, make_admin()).get("/admin"))
    assert "0 requests" in text
    assert "All done" in text


def test_who_may_not_review_sees_no_figure_of_requests(client):
    make_request(reason="Private")
    page = sign_in(client, make_user(roles=["support"])).get("/admin")
    assert page.status_code == 200
    assert "Private" not in page.text
    assert "Waiting for a decision" not in page.text
    assert "/admin/requests" not in page.text


def test_a_user_is_denied_and_sees_no_way_there(client):
    sign_in(client, make_user())
    assert client.get("/admin").status_code == 403
    assert "/admin" not in client.get("/account").text


def test_a_stranger_is_asked_to_sign_in(client):
    assert client.get("/admin").location == "/sign-in?next=/admin"


def test_it_takes_nothing(client):
    assert sign_in(client, make_admin()).post("/admin").status_code == 405


class TestAccounts:
    @pytest.fixture
    def clock_hand(self):
        """A clock that stands at noon; a test may move it on."""
        with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False) as traveller:
            yield traveller

    @pytest.fixture
    def used(self, clock_hand):
        """Two users, who used something on two days."""
        ada, bob = make_user(name="Ada", tier="pro"), make_user("bob@example.com")
        for tokens in (900_000, 34_567):
            token_accounts.spend(ada.id, tokens, by=OPERATOR)
        clock_hand.shift(timedelta(days=2))
        token_accounts.spend(bob.id, 100_000, by=OPERATOR)
        for user in (ada, bob):
            account_commit.drain(user.id)
        statistics.keep_up()
        return ada, bob

    def test_numbers_are_short_with_the_full_one_in_the_title(self, client, used):
        page = sign_in(client, make_admin()).get("/admin")
        assert "Tokens used 1M Calls 3 Tokens a call 344.9K Active in 30 days 2" in text_of(page)
        assert '<span class="number" title="1,034,567">1M</span>' in page.text

    def test_it_says_when_they_were_taken(self, client, used, clock_hand):
        admin = make_admin()
        clock_hand.shift(timedelta(minutes=7))
        page = text_of(sign_in(client, admin).get("/admin"))
        assert re.search(r"Accounts as of 12:00.PM", page)

    def test_each_tier_has_its_row(self, client, used):
        text = text_of(sign_in(client, make_user(roles=["support"])).get("/admin"))
        assert "FREE Users 1 Tokens used 100K Average usage 100% Exceeded 1" in text
        assert "PRO Users 1 Tokens used 934.6K Average usage 93.5% Exceeded 0" in text
        assert "PREPAID Users 0 Tokens used 0 Average usage 0% Exceeded 0" in text

    def test_who_used_most_leads_to_the_users_own_page(self, client, used):
        page = sign_in(client, make_admin()).get("/admin").text
        links = re.findall(r'<a class="row-link" href="/admin/users/([0-9a-f]{24})" dir="auto">(.+?)</a>', page)
        assert links == [(str(used[0].id), "Ada"), (str(used[1].id), "bob")]

    def test_every_day_has_a_bar_that_says_its_figure_and_a_row_behind(self, client, used):
        page = sign_in(client, make_admin()).get("/admin").text
        tokens, calls = (
            re.findall(r"<title>(.+?)</title>", svg)
            for svg in re.findall(r"<svg viewBox=.0 0 30.+?</svg>", page, re.DOTALL)
        )
        assert (len(tokens), len(calls)) == (30, 30)
        assert tokens[-3:] == ["Mar 10, 2026: 934,567 tokens", "Mar 11, 2026: 0 tokens", "Mar 12, 2026: 100,000 tokens"]
        assert calls[-3:] == ["Mar 10, 2026: 2 calls", "Mar 11, 2026: 0 calls", "Mar 12, 2026: 1 call"]
        heights = re.findall(r'class="chart-bar".+?height="([0-9.]+)"', page)
        # Of a million, and of two.
        assert heights[27:30] == ["93.46", "0.0", "10.0"]
        assert heights[57:60] == ["100.0", "0.0", "50.0"]
        assert 'aria-label="Tokens a day. Most: Mar 10, 2026: 934,567 tokens"' in page
        rows = text_of_table(page)
        assert rows[0] == "Mar 12, 2026 Tokens 100,000 Calls 1"
        assert (len(rows), rows[2]) == (30, "Mar 10, 2026 Tokens 934,567 Calls 2")

    def test_before_the_first_time_it_says_so_and_adds_nothing_up(self, client, statements):
        text = text_of(sign_in(client, make_admin()).get("/admin"))
        assert "No figures yet" in text
        assert "Tokens used" not in text
        assert not {"aggregate token_accounts", "aggregate users"} & set(statements.said)

    def test_a_new_installation_says_what_will_stand_here(self, client):
        statistics.take()
        text = text_of(sign_in(client, make_admin()).get("/admin"))
        assert "Tokens used 0 Calls 0" in text
        assert "Nothing was used yet When users chat" in text
        assert "Most used" not in text
        assert "Show the figures" not in text

    def test_who_may_not_read_users_sees_no_figure_of_accounts(self, client, used):
        user = make_user()
        user.update(set__permissions=["requests.review"])
        page = sign_in(client, user).get("/admin").text
        assert "Waiting for a decision" in page
        assert "Tokens used" not in page
        assert "/admin/users" not in page

    def test_who_may_do_something_else_is_told_so(self, client, used):
        user = make_user()
        user.update(set__permissions=["audit.read"])
        page = sign_in(client, user).get("/admin").text
        assert "Nothing to show you here" in page
        assert "Tokens used" not in page

    def test_numbers_and_days_are_in_the_readers_language(self, client, used):
        admin = make_admin()
        admin.update(set__locale="ru")
        page = sign_in(client, admin).get("/admin").text
        assert "934\u00a0567" in page
        assert ">12 мар.<" in page

    def test_it_reads_what_is_kept_and_adds_nothing_up(self, client, used, statements):
        sign_in(client, make_admin()).get("/admin")
        statements.said.clear()
        client.get("/admin")
        assert {"find statistics", "find fold_states", "find daily_figures"} <= set(statements.said)
        assert not {"aggregate token_accounts", "aggregate users", "aggregate ledger_entries"} & set(statements.said)


def text_of_table(page):
    """Each row of the table behind the charts, as text."""
    behind = re.search(r'<details class="chart-table">.+?</details>', page, re.DOTALL)[0]
    rows = re.findall(r"<tr role=.row.>(.+?)</tr>", behind, re.DOTALL)[1:]
    return [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in rows]
