"""The words that a search compares with: one spelling for what is stored and for what is typed."""

import re
import unicodedata

# What stands between the words of a name, or of the part of an address before the @.
_BETWEEN = re.compile(r"[\s.,_+()'’–-]+")


def searchable(text: str) -> str:
    """The one spelling in which search compares: NFKC, small letters, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower()).split())


def parts(text: str) -> list[str]:
    """What a searchable text is made of, without spaces and punctuation; some may be empty."""
    return _BETWEEN.split(text)


def words(text: str) -> list[str]:
    """The same, and the words as they stand between spaces."""
    return [*parts(text), *text.split()]


def token_terms(symbol: str, name: str) -> list[str]:
    """What a search for the beginning of a crypto token's symbol, its name or a word of it compares with."""
    symbol, name = searchable(symbol), searchable(name)
    return sorted({term for term in (symbol, symbol.lstrip("$"), name, *words(name)) if term})
