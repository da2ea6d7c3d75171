"""The list of users: its rows, filters, pages and search."""

import re
from datetime import UTC, datetime

import pytest
import time_machine

from app.models.user import User
from app.services import account_deletion, review, token_accounts, user_changes
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
LIST = "/admin/users"


@pytest.fixture(autouse=True)
def clock_hand():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(client):
    return sign_in(client, make_admin("adam@example.com", name="Adam"))


@pytest.fixture
def ann():
    return make_user("ann@example.com", name="Ann Lee")


def names(page):
    """Who stands on a page, in its order."""
    return re.findall(r'class="person-text">\s*<span title="([^"]*)"', page.text.partition("<table")[2])


def spend(user, tokens):
    token_accounts.spend(user.id, tokens, by=OPERATOR)


def test_a_row_says_who_has_how_much(client, ann):
    spend(ann, 67_500)
    text = text_of(client.get(LIST))
    assert "2 users" in text
    row = "AL Ann Lee ann@example.com free 82.5K available, 67.5K of 100K used 67.5% Last seen Never Joined Mar 10, 2026 Active"
    assert row in text


def test_a_row_shows_the_account_as_time_has_made_it(client, ann, clock_hand):
    spend(ann, 150_000)
    assert "0 available, 100K of 100K used" in text_of(client.get(LIST))
    clock_hand.shift(7 * 86_400)
    sign_in(client, make_admin())
    assert "100K available, 0 of 100K used" in text_of(client.get(LIST))


def test_a_tier_without_allowance_has_no_bar(client):
    make_user(tier="prepaid", name="Pia")
    page = client.get(f"{LIST}?tier=prepaid")
    assert "Pia" in page.text
    assert "50K available, no allowance" in text_of(page)
    assert 'class="bar' not in page.text.partition("<table")[2]


FILTERS = [
    ("", ["Rich", "Pro", "Out", "Gone", "Adam"]),
    ("tier=pro", ["Pro"]),
    ("active=1", ["Rich", "Pro", "Out", "Adam"]),
    ("active=0", ["Gone"]),
    ("out=1", ["Out"]),
    ("out=0", ["Rich", "Pro", "Gone", "Adam"]),
    ("tier=free&active=1&out=0", ["Rich", "Adam"]),
    ("tier=pro&out=1", []),
    ("tier=prepaid", []),
    ("tier=&active=&out=&q=", ["Rich", "Pro", "Out", "Gone", "Adam"]),
    ("q=o", ["Out"]),
    ("q=user", ["Rich", "Pro", "Out", "Gone"]),
    ("q=user&active=0", ["Gone"]),
    ("q=user&tier=pro&out=0&active=1", ["Pro"]),
    ("q=nobody", []),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS, ids=[query or "none" for query, _ in FILTERS])
def test_filters_combine_with_each_other_and_with_the_search(client, query, expected):
    user_changes.deactivate(make_user(name="Gone").id, by=OPERATOR)
    spend(make_user(name="Out"), 149_900)
    make_user(name="Pro", tier="pro")
    make_user(name="Rich")
    page = client.get(f"{LIST}?{query}")
    assert names(page) == expected
    assert ("Nobody found" in page.text) == (not expected)


@pytest.mark.parametrize(
    "query",
    ["tier=gold", "active=2", "out=x", "before=1", "before=" + "f" * 25, "before=%7B%7D", "tier=%00", "active=yes"],
)
def test_what_the_address_must_not_say_is_refused(client, query):
    assert client.get(f"{LIST}?{query}").status_code == 400


def test_the_list_goes_on_page_by_page_and_keeps_its_filters(client):
    made = [make_user(name=f"User {number}").name for number in range(52)]
    first = client.get(f"{LIST}?tier=free&active=1&out=0")
    assert "53 users" in first.text
    address = re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    second = client.get(address)
    assert names(first) + names(second) == [*made[::-1], "Adam"]
    assert 'rel="prev" href="/admin/users?tier=free&amp;active=1&amp;out=0"' in second.text
    assert all(part in address for part in ("tier=free", "active=1", "out=0"))


def test_a_page_that_nobody_is_on_says_so(client):
    assert "No users here" in client.get(f"{LIST}?before={'0' * 24}").text


def test_counting_stops(client, monkeypatch):
    monkeypatch.setattr("app.services.user_list.MOST_COUNTED", 3)
    for _ in range(3):
        make_user()
    assert "2+ users" in text_of(client.get(LIST))


def test_a_search_that_finds_more_than_it_shows_says_so(client):
    for _ in range(51):
        make_user(name="Zoe")
    page = client.get(f"{LIST}?q=zoe")
    assert len(names(page)) == 50
    assert "Refine your search" in page.text
    assert 'rel="next"' not in page.text
    assert "Refine your search" not in client.get(f"{LIST}?q=adam").text


def test_what_was_searched_for_stays_in_the_field(client, ann):
    page = client.get(LIST, query_string={"q": '"><script>alert(1)</script>'})
    assert "&lt;script&gt;" in page.text
    assert "Nobody found" in page.text


def test_accounts_and_users_of_a_page_are_looked_up_at_once(client, statements):
    for _ in range(10):
        make_user()
    client.get(LIST)
    for query in ("", "q=user"):
        statements.said.clear()
        assert len(names(client.get(f"{LIST}?{query}"))) >= 10
        assert statements.said.count("find token_accounts") == 2  # The second is the admin's own, in the header.
        assert statements.said.count("find users") <= 5


@pytest.mark.parametrize(("role", "status"), [("reviewer", 200), ("support", 200), (None, 403)])
def test_the_list_needs_users_read(client, role, status):
    sign_in(client, make_user(roles=[role] if role else []))
    assert client.get(LIST).status_code == status
    assert ('href="/admin/users"' in client.get("/admin").text) == (status == 200)


def test_a_user_on_a_tier_that_is_no_more_is_listed(client, ann):
    User.objects(id=ann.id).update(tier="gold")
    page = client.get(f"{LIST}?tier=gold")
    assert names(page) == ["Ann Lee"]
    assert "available, no allowance" in text_of(page)


def test_of_a_deleted_account_the_books_are_shown_and_nothing_is_offered(client):
    gone = make_user("gone@example.com")
    refused = review.reject(make_request(gone), by=OPERATOR, response="No.")
    account_deletion.delete(gone.id, proof="gone@example.com", by=actor_of(gone))
    page = client.get(f"{LIST}/{gone.id}")
    assert "The owner has deleted this account." in text_of(page)
    assert "Change the user" not in page.text
    assert "Add bonus" not in page.text
    assert "Deleted" in text_of(client.get(LIST))
    assert "Reopen" not in client.get(f"/admin/requests/{refused.number}").text
