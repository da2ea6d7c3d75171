"""A ledger as rows of a file."""

from collections.abc import Iterator
from typing import Any

from bson import ObjectId

from app.models.actor import Actor
from app.models.audit_event import Action
from app.services import audit, ledger
from app.services.account_moment import Choice, Entry

COLUMNS = (
    *("seq", "at", "type", "amount", "before", "after", "description"),
    *("by", "reference", "key", "metadata", "id"),
)


def rows(user_id: ObjectId, chosen: Choice, *, by: Actor) -> Iterator[dict[str, Any]]:
    """A user's entries, oldest first, with `COLUMNS`; they are read while they are taken. The trail keeps who else takes them."""
    if by.person != str(user_id):
        audit.record_export(Action.LEDGER_EXPORT, {"kind": "account", "id": str(user_id)}, {}, by=by)
    return map(row, ledger.whole(user_id, chosen))


def row(entry: Entry) -> dict[str, Any]:
    """What a file says of one entry."""
    told = {"by": entry["by"]["name"], "id": entry["_id"]}
    return {column: told.get(column, entry.get(column)) for column in COLUMNS}
