"""Requests for crypto tokens on the desk: finding them, and what stands before a reviewer who decides on one."""

import csv
import io

import pytest

from app import pagination
from app.services import request_statistics, review, supports
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of
from tests.routes.admin.test_requests import link, listed, numbers
from tests.steps import make_listing

LINK = "0x514910771AF9Ca656af840dff83E8264EcF986CA"
# Thirteen as for every kind, and four for what is alike: the catalogue, open and decided requests, supporters.
MOST_ROUND_TRIPS = 17


@pytest.fixture
def client(client):
    return sign_in(client, make_admin("adam@example.com", name="Adam"))


@pytest.fixture
def some():
    """#1 GOLD on Ethereum, #2 SLVR of one called Goldie on Base, #3 a quota request of Goldie, #4 GLDN on Solana."""
    goldie = make_user("goldie@example.com", name="Goldie")
    make_listing(token_symbol="$GOLD", token_name="Bar of Bullion")
    make_listing(goldie, token_symbol="SLVR", token_name="Silver", blockchain="base")
    make_request(goldie)
    make_listing(token_symbol="GLDN", token_name="Old Golden Age", blockchain="solana", contract_address=None)
    return goldie


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("chain=base", [2]),
        ("chain=tron", []),
        ("chain=base&kind=quota", []),
        ("chain=base&kind=listing", [2]),
        ("q=slv", [2]),
        ("q=gold", [4, 3, 2, 1]),
        ("q=%24gold", [1]),
        ("q=BULL", [1]),
        ("q=gold&chain=solana", [4]),
        ("q=gold&kind=quota", [3]),
        ("q=gold&order=oldest", [1, 2, 3, 4]),
        ("q=gold&status=approved", []),
        ("q=old", [4]),
        ("q=bu.*", []),
        ("q=gold&user=goldie@example.com", [3, 2]),
        ("q=silver&user=goldie@example.com", [2]),
        ("q=bullion&user=goldie@example.com", []),
    ],
)
def test_the_list_is_narrowed_to_a_blockchain_and_to_what_a_symbol_a_name_or_a_user_begins_with(
    client, some, query, expected
):
    assert listed(client, query) == expected
    count = len(expected)
    assert f"{count} request{'' if count == 1 else 's'}" in text_of(client.get(f"/admin/requests?{query}"))


def test_a_blockchain_that_is_none_is_refused(client, some):
    assert client.get("/admin/requests?chain=dogechain").status_code == 400


def test_a_row_says_symbol_name_and_blockchain(client, some):
    assert "SLVR Silver Base" in text_of(client.get("/admin/requests?chain=base"))


def test_pages_of_a_search_go_on_both_ways(client, some, monkeypatch):
    monkeypatch.setattr(pagination, "SIZE", 2)
    monkeypatch.setattr(pagination, "FETCHED", 3)
    for order, pages in {"newest": ([4, 3], [2, 1]), "oldest": ([1, 2], [3, 4])}.items():
        first = client.get(f"/admin/requests?q=gold&order={order}")
        second = client.get(link(first, "next"))
        assert (numbers(first), numbers(second), link(second, "next")) == (*pages, None)
        assert numbers(client.get(link(second, "prev"))) == pages[0]


def test_all_that_a_decision_on_a_token_needs_is_on_its_page(client):
    listed_before = make_listing(token_symbol="LINK", token_name="ChainLink Token", contract_address=LINK)
    review.approve(listed_before, by=OPERATOR)
    copy = make_listing(token_symbol="LlNK", token_name="ChainLink Token", reason="Please today.")
    user = make_user()
    supports.support(user, copy.number, by=actor_of(user))
    page = client.get(f"/admin/requests/{copy.number}")
    text = text_of(page)
    for said in (
        "LlNK",
        "Please today.",
        "1 other user supports this request.",
        "The symbol is, or looks like, the well-known LINK (Chainlink).",
        "#1 In the catalogue LINK ChainLink Token Ethereum:",
        "A symbol that looks like this one.",
        "The token is in the catalogue then",
    ):
        assert said in text, said
    for address in (LINK, copy.contract_address):
        assert (
            f'href="https://etherscan.io/token/{address}" target="_blank" rel="noopener noreferrer nofollow"'
            in page.text
        )
    assert str(user.email) not in page.text


def test_a_token_that_is_like_no_other_says_so_and_other_kinds_say_nothing(client):
    make_listing()
    make_request()
    assert "No other token on this blockchain has this symbol" in text_of(client.get("/admin/requests/1"))
    assert "Possible duplicates" not in client.get("/admin/requests/2").text


def test_what_a_token_says_of_itself_is_only_text(client):
    make_listing(token_symbol="<b>X</b>", token_name="<script>1</script>")
    make_listing(token_symbol="<b>X</b>", token_name="<i>")
    page = client.get("/admin/requests/2")
    assert "<script>1" not in page.text
    assert "&lt;script&gt;1&lt;/script&gt;" in page.text


def test_the_page_takes_few_round_trips(client, statements):
    make_listing()
    one = make_listing()
    client.get(f"/admin/requests/{one.number}")
    statements.said.clear()
    assert client.get(f"/admin/requests/{one.number}").status_code == 200
    assert len(statements.said) <= MOST_ROUND_TRIPS, statements.said


def test_the_export_has_what_the_list_has_and_says_which_token(client, some):
    answer = client.get("/admin/requests.csv?chain=base")
    (row,) = csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""))
    assert (row["token_symbol"], row["token_name"], row["blockchain"], row["decimals"]) == (
        "SLVR",
        "Silver",
        "base",
        "18",
    )
    assert row["contract_address"].startswith("0x")
    answer = client.get("/admin/requests.csv?q=gold")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert [(row["number"], row["token_symbol"]) for row in rows] == [
        ("4", "GLDN"),
        ("3", ""),
        ("2", "SLVR"),
        ("1", "$GOLD"),
    ]


def test_the_statistics_say_which_blockchains_are_most_requested(client, some):
    review.approve(make_listing(blockchain="base"), by=OPERATOR)
    request_statistics.take()
    text = text_of(client.get("/admin/requests/statistics"))
    assert "Most requested blockchains" in text
    assert "Base Requests 2 Approved 1 Ethereum Requests 1 Approved 0 Solana Requests 1 Approved 0" in text
