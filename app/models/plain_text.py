"""The one check of text that people enter, whichever way it comes in."""

import unicodedata
from typing import Any

from app.models.domain_error import InvalidInput

# Control and format characters, line breaks and spaces: a text of nothing else is empty to whoever reads it.
INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def plain_text(value: Any, field: str, *, least: int = 0, most: int) -> str:
    """`value` trimmed, if it is text of `least` to `most` characters that the database can hold and a page can show.

    Raises `InvalidInput` for `field`: wrong types, control characters other than line breaks and tabs, lone surrogates.
    """
    if not isinstance(value, str):
        raise InvalidInput(errors={field: ["Must be text."]})
    text = value.replace("\r\n", "\n").strip()
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t" for character in text):
        raise InvalidInput(errors={field: ["Contains characters that are not text."]})
    if least and all(unicodedata.category(character) in INVISIBLE for character in text):
        raise InvalidInput(errors={field: ["Must not be empty."]})
    if not least <= len(text) <= most:
        raise InvalidInput(errors={field: [f"Must be {least} to {most} characters long."]})
    return text


def plain_line(value: Any, field: str, *, least: int = 0, most: int) -> str:
    """As `plain_text`, on one line and without tabs: a name."""
    text = plain_text(value, field, least=least, most=most)
    if any(character in "\n\t" or unicodedata.category(character) in {"Zl", "Zp"} for character in text):
        raise InvalidInput(errors={field: ["Must be one line."]})
    return text
