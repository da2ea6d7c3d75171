"""How ids are written: 24 digits from 0 to 9 and a to f, so that each has one spelling."""

import re

from bson import ObjectId

_WRITTEN = re.compile(r"[0-9a-f]{24}")


def object_id(text: str) -> ObjectId | None:
    """The id that is written so; None for what is no id."""
    return ObjectId(text) if _WRITTEN.fullmatch(text) else None
