"""The catalogue for programs: the list by the Token Lists standard, and all of it in our own shape.

`tokenlist.schema.json` is the published schema, as it stands in the npm package @uniswap/token-lists 1.0.0-beta.35 (MIT licence,
Copyright (c) 2020 Uniswap).
"""

import json
import re
from copy import deepcopy
from pathlib import Path

import pytest
from bson import ObjectId
from jsonschema import Draft7Validator
from limits import RateLimitItemPerMinute

from app import api_limits
from app.models.catalogue_token import CatalogueToken
from app.models.token_list import TokenList
from app.services import catalogue, catalogue_removal, review
from tests.factories import actor_of, bearer, make_admin, sign_in
from tests.steps import make_listing

LIST, ALL = "/api/tokens.json", "/api/catalogue.json"
SCHEMA = json.loads(Path(__file__).with_name("tokenlist.schema.json").read_text())
STANDARD = Draft7Validator(SCHEMA, format_checker=Draft7Validator.FORMAT_CHECKER)
TETHER_ON_TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


@pytest.fixture
def rita():
    return actor_of(make_admin("rita@example.com", name="Rita"))


def listed(rita, **given):
    return review.approve(make_listing(**given), by=rita)


def faults(shape):
    return [one.message for one in STANDARD.iter_errors(shape)]


def test_the_schema_is_held_to_times_included():
    right = {
        "name": "Tokendesk",
        "timestamp": "2026-11-21T09:30:00.000Z",
        "version": {"major": 1, "minor": 0, "patch": 0},
        "tokens": [{"chainId": 1, "address": f"0x{'a' * 40}", "symbol": "A", "name": "A", "decimals": 0}],
    }
    assert faults(right) == []
    for name, wrong in {"timestamp": "21.11.2026", "tokens": [], "name": "n" * 31, "version": {"major": 1}}.items():
        assert faults({**deepcopy(right), name: wrong}), name


def test_the_list_is_one_by_the_standard(client, rita):
    first = listed(rita, token_symbol="ÄÖ$", token_name="Größe + 50 % (α)", decimals=255)
    second = listed(rita, blockchain="base", token_symbol="x" * 20, token_name="n" * 60, decimals=0)
    response = client.get(LIST)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert faults(response.json) == []
    assert response.json["name"] == "Tokendesk"
    assert response.json["version"] == {"major": 1, "minor": 1, "patch": 0}
    assert response.json["tokens"] == [
        {
            "chainId": chain,
            "address": one.contract_address,
            "symbol": one.token_symbol,
            "name": one.token_name,
            "decimals": one.decimals,
        }
        for one, chain in ((first, 1), (second, 8453))
    ]


def test_whatever_the_catalogue_holds_the_list_is_one_by_the_standard(client, rita):
    listed(rita)
    strange = ["A\u00a0B", "A\u2003B", "A B", "😀", "<b>", "\u3000x", "$ne", "=1+1"]
    for text in strange:
        listed(rita, token_symbol=text)
        listed(rita, token_name=text)
    # To the schema's own language this is a space, though not to the one that it is read in here.
    listed(rita, token_name="A\ufeffB")
    shape = client.get(LIST).json
    assert len(shape["tokens"]) == 12
    assert faults(shape) == []
    assert "A\ufeffB" not in {one["name"] for one in shape["tokens"]}


def test_while_there_is_nothing_to_list_it_is_not_found_with_a_message(client, rita):
    listed(rita, blockchain="tron", contract_address=TETHER_ON_TRON)
    never = client.get(LIST)
    token = listed(rita)
    assert client.get(LIST).status_code == 200
    catalogue_removal.remove(catalogue.find(token.number), by=rita, reason="Gone.")
    for response in (never, client.get(LIST)):
        assert (response.status_code, response.json["code"]) == (404, "not_found")
        assert "Token List" in response.json["message"]
        assert response.headers["Cache-Control"] == "no-store"


def test_all_of_the_catalogue_is_there_in_our_own_shape(client, rita):
    bare = listed(rita, contract_address=None, decimals=None, token_symbol="BARE")
    tron = listed(rita, blockchain="tron", contract_address=TETHER_ON_TRON, decimals=6)
    make_listing()
    found = client.get(ALL).json
    times = [one.pop("listed_at") for one in found["tokens"]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one) for one in times)
    address = {"contract_address": TETHER_ON_TRON, "decimals": 6}
    url = {"explorer_url": f"https://tronscan.org/#/token20/{TETHER_ON_TRON}"}
    none = {"contract_address": None, "decimals": None, "explorer_url": None}
    assert found == {
        "tokens": [
            {"number": tron.number, "symbol": "GOLD", "name": "Gold Coin", "blockchain": "tron", **address, **url},
            {"number": bare.number, "symbol": "BARE", "name": "Gold Coin", "blockchain": "ethereum", **none},
        ]
    }


def test_an_empty_catalogue_is_an_empty_list(client):
    response = client.get(ALL)
    assert (response.json, response.headers.get("Link")) == ({"tokens": []}, None)


def in_the_catalogue(number):
    token = {"number": number, "key": f"k{number}", "request": ObjectId(), "listed": True, "symbol": "S", "name": "N"}
    at = ObjectId().generation_time
    return {**token, "blockchain": "near", "symbol_skeleton": "s", "search": ["s"], "listed_at": at}


def test_pages_follow_each_other_whatever_happens_meanwhile(client):
    catalogue_tokens = CatalogueToken._get_collection()
    catalogue_tokens.insert_many([in_the_catalogue(number) for number in range(1, 6)])
    seen, path = [], f"{ALL}?limit=2"
    while path:
        response = client.get(path)
        seen += [one["number"] for one in response.json["tokens"]]
        found = re.search(r'<(.*)>; rel="next"', response.headers.get("Link", ""))
        path = found[1] if found else None
        catalogue_tokens.insert_one(in_the_catalogue(100 + len(seen)))
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=-1", "page=2", "limit=1&limit=2"]
)
def test_a_wrong_query_is_named(client, query):
    response = client.get(f"{ALL}?{query}")
    assert (response.status_code, list(response.json["errors"])) == (400, [query.partition("=")[0]])


@pytest.mark.parametrize("path", [LIST, ALL])
def test_it_is_the_same_for_everybody_and_any_cache_may_keep_it(app, client, rita, path):
    listed(rita)
    first = client.get(path)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "public, max-age=300")
    # Wallets read it from pages of their own.
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    admin = make_admin()
    other = sign_in(app.test_client(), admin).get(path, headers=bearer(admin, "self"))
    assert (other.data, other.headers["ETag"]) == (first.data, first.headers["ETag"])
    assert "Set-Cookie" not in {*first.headers.keys(), *other.headers.keys()}
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    listed(rita)
    changed = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


@pytest.mark.parametrize("path", [LIST, ALL])
def test_nobody_can_send_anything_there(client, rita, path):
    listed(rita)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = client.open(path, method=method, json={})
        assert (response.status_code, response.json["code"]) == (405, "method_not_allowed")
    assert client.get(f"{path}?format=csv").json["errors"] == {"format": ["There is no such field."]}


def test_an_address_has_a_limit(client, monkeypatch):
    monkeypatch.setattr(api_limits, "CALLS_A_MINUTE", RateLimitItemPerMinute(3))
    answers = [client.get(ALL) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_list_of_ten_thousand_is_answered_as_it_is_stored(client, rita):
    listed(rita)
    token = TokenList._get_collection().find_one()["tokens"][0]
    many = [{**token, "address": f"0x{number:040x}"} for number in range(10_000)]
    TokenList._get_collection().update_one({}, {"$set": {"tokens": many}})
    assert client.get(LIST).json["tokens"] == many
