"""How tokens are counted and priced."""

import pytest

from app.services.token_count import affordable, cost, count, longest_start


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("токен", 4), ("🙂", 2), ("שלום", 3)],
)
def test_a_text_counts_a_third_of_its_bytes_rounded_up(text, tokens):
    assert count(text) == tokens


@pytest.mark.parametrize(
    ("tokens", "price", "expected"),
    [(0, 1_000, 0), (1, 1, 1), (100, 1_000, 100), (3, 1_500, 5), (1, 1_001, 2), (1_000, 1, 1), (1_001, 1, 2)],
)
def test_a_price_is_rounded_up_once(tokens, price, expected):
    assert cost(tokens, price) == expected


@pytest.mark.parametrize("price", [1, 7, 999, 1_000, 1_001, 2_500, 1_000_000])
@pytest.mark.parametrize("available", [0, 1, 199, 200, 12_345])
def test_what_is_affordable_is_the_most_that_can_be_paid_for(available, price):
    tokens = affordable(available, price)
    assert cost(tokens, price) <= available < cost(tokens + 1, price)


@pytest.mark.parametrize("text", ["abcdefgh", "привет", "🙂🙂🙂"])
@pytest.mark.parametrize("tokens", [-1, 0, 1, 2, 100])
def test_the_longest_start_of_a_text_keeps_whole_characters(text, tokens):
    start = longest_start(text, tokens)
    assert text.startswith(start)
    assert count(start) <= max(0, tokens)
    assert start == text or count(text[: len(start) + 1]) > tokens
