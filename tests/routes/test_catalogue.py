"""The catalogue as everybody reads it."""

import pytest
from bson import ObjectId

from app.models.catalogue_token import CatalogueToken
from app.services import catalogue as service
from app.services import catalogue_removal, review, search_words
from tests.factories import actor_of, make_admin, make_user, sign_in
from tests.steps import make_listing


@pytest.fixture
def rita():
    return actor_of(make_admin("rita@example.com", name="Rita"))


@pytest.fixture
def listed(rita):
    """`listed(**what)`: a listed token."""

    def make(**given):
        return service.find(review.approve(make_listing(**given), by=rita).number)

    return make


def test_an_empty_one_says_what_to_do(client):
    page = client.get("/catalogue")
    assert page.status_code == 200
    assert "Nothing is listed yet" in page.text
    assert "/requests/new?kind=listing" in page.text


def test_anybody_finds_a_token_by_its_symbol_a_word_of_its_name_or_its_blockchain(client, listed):
    listed(token_symbol="GLD", token_name="Old Gold Coin")
    listed(token_symbol="SLVR", token_name="Silver", blockchain="base")
    for address, found in {
        "/catalogue": {"GLD", "SLVR"},
        "/catalogue?q=gl": {"GLD"},
        "/catalogue?q=GOLD": {"GLD"},
        "/catalogue?q=coin&chain=ethereum": {"GLD"},
        "/catalogue?q=coin&chain=base": set(),
        "/catalogue?chain=base": {"SLVR"},
        "/catalogue?q=.*": set(),
        "/catalogue?q=" + "x" * 300: set(),
    }.items():
        page = client.get(address)
        assert page.status_code == 200, address
        assert {symbol for symbol in ("GLD", "SLVR") if f">{symbol}</a>" in page.text} == found, address


def test_words_that_begin_alike_are_found_to_the_last_and_where_there_are_too_many_it_says_so(client, listed, rita):
    token = listed(token_symbol="A🚀", token_name="Rocket 𝔸")
    one = CatalogueToken._get_collection().find_one({"number": token.number})
    gone = [f"aa{n}" for n in range(search_words.MOST_WORDS)]
    more = {"_id": ObjectId(), "key": "k", "number": 100, "search": gone, "blockchain": "base", "listed": False}
    CatalogueToken._get_collection().insert_one({**one, **more})
    # What was taken out takes nobody's place.
    page = client.get("/catalogue?q=a").text
    assert ("A🚀</a>" in page, "More fits" in page) == (True, False)
    CatalogueToken._get_collection().update_one({"number": 100}, {"$set": {"listed": True}})
    assert "More fits" in client.get("/catalogue?q=a").text


def test_a_visitor_and_a_user_see_the_same_in_their_own_frame(client, listed):
    token = listed()
    assert 'href="/sign-in"' in client.get("/catalogue").text
    assert client.get(f"/catalogue/{token.number}").headers["X-Robots-Tag"] == "all"
    sign_in(client, make_user())
    assert "Your menu" in client.get("/catalogue").text


def test_a_token_has_a_page_that_leads_to_the_explorer(client, listed):
    token = listed(decimals=6)
    page = client.get(f"/catalogue/{token.number}")
    assert f"https://etherscan.io/token/{token.contract_address}" in page.text
    assert "Gold Coin" in page.text


def test_what_was_taken_out_is_not_there(client, listed, rita):
    token = listed()
    catalogue_removal.remove(token, by=rita, reason="Gone.")
    assert client.get(f"/catalogue/{token.number}").status_code == 404
    assert client.get("/catalogue/999").status_code == 404
    assert client.get("/catalogue?chain=dogechain").status_code == 400
    assert client.get("/catalogue?before=x").status_code == 400
    assert client.get("/catalogue?q=%00").status_code == 400


def test_pages_go_on_by_key(client, listed):
    one = CatalogueToken._get_collection().find_one({"number": listed(contract_address=None).number})
    more = [{**one, "_id": ObjectId(), "key": f"copy:{n}", "number": one["number"] + n} for n in range(1, 61)]
    CatalogueToken._get_collection().insert_many(more)
    tenth = one["number"] + 11
    assert f"before={tenth}" in client.get("/catalogue").text
    assert f'/catalogue/{one["number"]}"' in client.get(f"/catalogue?before={tenth}").text
