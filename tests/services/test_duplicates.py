"""What a reviewer is told that a listing request may be a duplicate of, or be taken for."""

import pytest

from app.models.token_request import ListingRequest
from app.services import catalogue_removal, duplicates, review, supports
from app.services.catalogue import find as listed
from app.services.duplicates import Reason
from tests.factories import OPERATOR, actor_of, make_admin, make_user
from tests.steps import make_listing

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"


def told(token_request):
    """What is alike: number, status and reasons."""
    return [(one.number, one.status, one.reasons) for one in duplicates.evidence(token_request).alike]


def test_a_token_like_no_other_has_nothing_to_tell():
    make_listing(token_symbol="ZINC")
    make_listing(token_symbol="GOLD", blockchain="base")
    found = duplicates.evidence(make_listing(token_symbol="GOLD"))
    assert (found.alike, found.more, found.well_known, found.supporters) == ([], False, None, 0)


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("GOLD", Reason.SAME_SYMBOL),
        ("gold", Reason.SAME_SYMBOL),
        ("G0LD", Reason.SIMILAR_SYMBOL),
        ("GΟLD", Reason.SIMILAR_SYMBOL),  # With a Greek Omicron.
        ("ＧＯＬＤ", Reason.SAME_SYMBOL),
    ],
)
def test_the_same_symbol_and_what_looks_like_it_are_told_apart(symbol, reason):
    other = make_listing(token_symbol="GOLD")
    assert told(make_listing(token_symbol=symbol)) == [(other.number, "pending", [reason])]


def test_what_is_listed_comes_first_then_what_is_open_then_what_was_decided():
    rita = actor_of(make_admin())
    first, second, third, fourth = (make_listing() for _ in range(4))
    review.reject(first, by=rita)
    review.approve(second, by=rita)
    review.approve(third, by=rita)
    catalogue_removal.remove(listed(third.number), by=OPERATOR, reason="It was a copy.")
    same = [Reason.SAME_SYMBOL]
    assert told(make_listing()) == [
        (second.number, None, same),
        (fourth.number, "pending", same),
        (third.number, "approved", same),
        (first.number, "rejected", same),
    ]


def test_a_listed_token_is_not_like_itself():
    one = make_listing()
    review.approve(one, by=OPERATOR)
    assert told(ListingRequest.objects.get(number=one.number)) == []


def test_the_same_address_is_found_on_every_chain_that_it_could_be_on_and_as_it_was_decided_before():
    before = make_listing(token_symbol="ONE", contract_address=USDC)
    review.mark_spam(before, by=OPERATOR)
    elsewhere = make_listing(token_symbol="TWO", contract_address=USDC, blockchain="base")
    review.approve(elsewhere, by=OPERATOR)
    asked = make_listing(token_symbol="GOLD", contract_address=USDC, blockchain="bsc")
    assert told(make_listing(token_symbol="GOLD", contract_address=USDC)) == [
        (elsewhere.number, None, [Reason.SAME_ADDRESS_ELSEWHERE]),
        (asked.number, "pending", [Reason.SAME_ADDRESS_ELSEWHERE, Reason.SAME_SYMBOL]),
        (before.number, "spam", [Reason.SAME_ADDRESS]),
    ]


def test_a_token_without_an_address_shares_it_with_no_other():
    make_listing(token_symbol="ONE", contract_address=None)
    assert told(make_listing(token_symbol="TWO", contract_address=None)) == []


def test_no_more_than_ten_of_each_are_told(monkeypatch):
    monkeypatch.setattr(duplicates, "MOST", 2)
    for _ in range(3):
        make_listing()
    found = duplicates.evidence(make_listing())
    assert ([one.number for one in found.alike], found.more) == ([3, 2], True)


@pytest.mark.parametrize(
    ("symbol", "well_known"),
    [("USDT", ("USDT", "Tether")), ("usdt", ("USDT", "Tether")), ("UЅDT", ("USDT", "Tether")), ("GOLD", None)],
)
def test_a_well_known_symbol_is_named(symbol, well_known):
    assert duplicates.evidence(make_listing(token_symbol=symbol)).well_known == well_known


def test_supporters_are_counted():
    one = make_listing()
    for _ in range(2):
        user = make_user()
        supports.support(user, one.number, by=actor_of(user))
    assert duplicates.evidence(one).supporters == 2
