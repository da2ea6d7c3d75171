"""What nobody may enter where a text is wanted."""

from typing import Any

NOT_TEXT: list[Any] = [None, 7, 1.5, True, b"bytes", ["a text"], {"$ne": ""}]
BLANK = ["", " ", "\n\t \r\n", "\u3000\u00a0"]
# What no database holds, or no page can show: NUL, halves of surrogate pairs, control characters.
UNUSABLE = ["nul\0inside", "\ud800", "half \udc00 a pair", "bell\x07", "\x1b[31mred", "del\x7f"]


def too_long(most: int) -> list[str]:
    """Texts of more than `most` characters."""
    return ["x" * (most + 1), "😀" * (most + 1), "x" * 100_000]
