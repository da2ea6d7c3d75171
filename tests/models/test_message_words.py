"""The words that a search compares."""

import pytest

from app.models.message_words import LONGEST_WORD, MOST_WORDS, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("?! … –", []),
        ("Hello, hello WORLD", ["hello", "world"]),
        ("Где мой Ёж? ёж!", ["где", "мой", "ёж"]),
        ("\ufb01ne Straße", ["fine", "straße"]),
        ("a_b c-d e.f@g.io", ["a_b", "c", "d", "e", "f", "g", "io"]),
        ("**bold** `code()` $ne {'$where': 1}", ["bold", "code", "ne", "where", "1"]),
        ("x" * 80, ["x" * LONGEST_WORD]),
    ],
)
def test_the_words_of_a_text(text, words):
    assert words_of(text) == words


def test_of_a_long_text_the_first_words_are_kept():
    text = " ".join(f"w{n}" for n in range(MOST_WORDS + 10))
    assert words_of(text) == [f"w{n}" for n in range(MOST_WORDS)]
