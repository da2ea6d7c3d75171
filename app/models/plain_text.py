"""The one check of text that people enter, whichever way it comes in."""

import unicodedata
from typing import Any

from app.models.domain_error import N_, FieldError, InvalidInput

# Control and format characters, line breaks and spaces: a text of nothing else is empty to whoever reads it.
INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def plain_text(value: Any, field: str, *, least: int = 0, most: int) -> str:
    """`value` trimmed, if it is text of `least` to `most` characters that the database can hold and a page can show.

    Raises `InvalidInput` for `field`: wrong types, control characters other than line breaks and tabs, lone surrogates.
    """
    if not isinstance(value, str):
        raise InvalidInput(errors={field: [N_("Must be text.")]})
    text = value.replace("\r\n", "\n").strip()
    # Almost all text is simple, which is seen at once.
    simple = text.isascii() and text.isprintable()
    if not simple and any(unicodedata.category(one) in {"Cc", "Cs"} and one not in "\n\t" for one in text):
        raise InvalidInput(errors={field: [N_("Contains characters that are not text.")]})
    if least and all(unicodedata.category(character) in INVISIBLE for character in text):
        raise InvalidInput(errors={field: [N_("Must not be empty.")]})
    if not least <= len(text) <= most:
        wrong_length = FieldError(N_("Must be %(least)s to %(most)s characters long."), least=least, most=most)
        raise InvalidInput(errors={field: [wrong_length]})
    return text


def plain_line(value: Any, field: str, *, least: int = 0, most: int) -> str:
    """As `plain_text`, on one line and without tabs: a name."""
    text = plain_text(value, field, least=least, most=most)
    if any(character in "\n\t" or unicodedata.category(character) in {"Zl", "Zp"} for character in text):
        raise InvalidInput(errors={field: [N_("Must be one line.")]})
    return text
