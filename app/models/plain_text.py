"""The one check of text that people enter, whichever way it comes in."""

import unicodedata
from typing import Any

from app.models.domain_error import InvalidInput


def plain_text(value: Any, field: str, *, least: int = 0, most: int) -> str:
    """`value` trimmed, if it is text of `least` to `most` characters that the database can hold and a page can show.

    Raises `InvalidInput` for `field`: wrong types, control characters other than line breaks and tabs, lone surrogates.
    """
    if not isinstance(value, str):
        raise InvalidInput(errors={field: ["Must be text."]})
    text = value.replace("\r\n", "\n").strip()
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t" for character in text):
        raise InvalidInput(errors={field: ["Contains characters that are not text."]})
    if not text and least:
        raise InvalidInput(errors={field: ["Must not be empty."]})
    if not least <= len(text) <= most:
        raise InvalidInput(errors={field: [f"Must be {least} to {most} characters long."]})
    return text
