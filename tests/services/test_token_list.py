"""The published part of the catalogue: what is in it, and how its version moves."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.models.token_list import TokenList, next_version
from app.services import catalogue, catalogue_removal, review, token_list
from tests.factories import actor_of, make_admin
from tests.steps import make_listing

ONE = {"chainId": 1, "address": "0xA", "symbol": "ONE", "name": "One", "decimals": 18}
TWO = {**ONE, "address": "0xB", "symbol": "TWO"}


@pytest.fixture
def rita():
    return actor_of(make_admin("rita@example.com", name="Rita"))


def version():
    published = token_list.published()
    return ".".join(str(published.version[part]) for part in ("major", "minor", "patch")) if published else None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([ONE], [ONE, TWO], (2, 4, 0)),
        ([ONE, TWO], [ONE], (3, 0, 0)),
        ([ONE], [TWO], (3, 0, 0)),
        ([ONE], [{**ONE, "name": "Uno"}], (2, 3, 6)),
        ([ONE], [{**ONE, "address": "0xa"}], (2, 3, 6)),
        ([ONE], [{**ONE, "chainId": 56}], (3, 0, 0)),
        ([ONE], [], (3, 0, 0)),
    ],
)
def test_the_version_moves_by_the_rules_of_the_standard(before, after, expected):
    version = {"major": 2, "minor": 3, "patch": 5}
    assert tuple(next_version(version, before, after).values()) == expected


def test_the_first_list_is_version_one():
    assert next_version(None, [], [ONE]) == {"major": 1, "minor": 0, "patch": 0}


def test_each_listing_publishes_and_each_removal_too(rita):
    assert version() is None
    first = review.approve(make_listing(), by=rita)
    assert version() == "1.0.0"
    review.approve(make_listing(), by=rita)
    assert version() == "1.1.0"
    review.revoke(first, by=rita, reason="A scam.")
    assert version() == "2.0.0"
    catalogue_removal.remove(catalogue.page()[0], by=rita, reason="Gone.")
    assert (version(), token_list.stored()["tokens"]) == ("3.0.0", [])


@pytest.mark.parametrize(
    "given",
    [
        {"decimals": None},
        {"contract_address": None},
        {"blockchain": "tron", "contract_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"},
        {"token_symbol": "TWO WORDS"},
        {"token_name": "n" * 61},
    ],
)
def test_what_the_schema_cannot_say_is_in_the_catalogue_only(rita, given):
    review.approve(make_listing(**given), by=rita)
    assert (len(catalogue.page()), version()) == (1, None)


def test_publishing_without_a_change_changes_nothing(rita):
    review.approve(make_listing(), by=rita)
    before = TokenList._get_collection().find_one()
    token_list.publish()
    assert TokenList._get_collection().find_one() == before


def test_of_many_approved_at_once_all_are_published(app, rita):
    listings = [make_listing() for _ in range(12)]

    def approve(one):
        with app.app_context():
            review.approve(one, by=rita)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(approve, listings))
    published = token_list.published()
    assert (published.count, len(token_list.stored()["tokens"])) == (12, 12)
    assert (published.version["major"], published.version["minor"]) == (1, published.revision - 1)
