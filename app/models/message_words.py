"""The words of a message, as search compares them."""

import re

from app.models.user import searchable

# Beyond these a word is compared by its beginning, and a text by the first words of it.
LONGEST_WORD = 50
MOST_WORDS = 1_000
_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The different words of `text` in their one spelling, in the order in which they come."""
    words = (found[0][:LONGEST_WORD] for found in _WORD.finditer(searchable(text)))
    return list(dict.fromkeys(words))[:MOST_WORDS]
