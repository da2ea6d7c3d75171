"""The words that a search compares with: one spelling for what is stored and for what is typed."""

import re
import unicodedata

# What stands between the words of a name, or of the part of an address before the @.
_BETWEEN = re.compile(r"[\s.,_+()'’–-]+")


def searchable(text: str) -> str:
    """The one spelling in which search compares: NFKC, small letters, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower()).split())


def words(text: str) -> list[str]:
    """The words of a searchable text, also as they stand between spaces; some may be empty."""
    return [*_BETWEEN.split(text), *text.split()]


def token_terms(symbol: str, name: str) -> list[str]:
    """What a search for the beginning of a crypto token's symbol, its name or a word of it compares with."""
    symbol, name = searchable(symbol), searchable(name)
    return sorted({term for term in (symbol, symbol.lstrip("$"), name, *words(name)) if term})
