"""What follows from a change: an item of a document's `due` list, written in the same update as the change."""

from datetime import datetime
from typing import Any


def due_item(key: str, verb: str, *, at: datetime, **arguments: Any) -> dict[str, Any]:
    """An item `{key, verb, arguments, at}`; `services/due.py` knows the verbs, `(key, verb)` is unique in its document."""
    return {"key": key, "verb": verb, "arguments": arguments, "at": at}
