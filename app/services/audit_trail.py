"""Reading the trail: a list with filters, one event with its seal, and rows for files. Taking rows along is an event itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Any

from bson import ObjectId
from pymongo.cursor import Cursor

from app.models.actor import Actor
from app.models.audit_event import Action, AuditEvent
from app.models.audit_seal import AuditSeal
from app.models.domain_error import NotFound
from app.models.object_id import object_id
from app.models.permission import Permission
from app.services import audit, rights, users

LONGEST_SEARCH = 254
BATCH = 500
ORDER = [("at", -1), ("_id", -1)]
COLUMNS = (
    *("id", "at", "action", "actor_kind", "actor_id", "actor_name", "on_behalf_of", "object_kind", "object_id"),
    *("object_number", "before", "after", "reason", "address", "request_id", "batch", "outcome", "seq"),
)
_NUMBER = re.compile(r"#\s*([0-9]{1,15})")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events, all conditions together, with `at` in `[since, until)`; None asks for nothing."""

    actor: str | None = None
    action: Action | None = None
    object: str | int | None = None
    since: datetime | None = None
    until: datetime | None = None


def filters(
    *,
    actor: str = "",
    action: Action | None = None,
    object: str = "",  # noqa: A002 - the trail's own word for what was changed
    since: datetime | None = None,
    until: datetime | None = None,
) -> Filters:
    """`actor` is an operator's or a key's id, or a user as `users.find` names one; so is `object`, or a number such as #42."""
    number = _NUMBER.fullmatch(object.strip())
    changed = int(number[1]) if number else _id(object)
    return Filters(_id(actor), action, changed, since, until)


def page(chosen: Filters, *, before: ObjectId | None = None, limit: int = 50, by: Actor) -> list[Row]:
    """Events, newest first; `before` is the id of the last one on the page before this one. Raises `NotFound` for none."""
    rights.check_holds([Permission.AUDIT_READ], by=by)
    return _page(chosen, _event(before) if before else None, limit)


def get(event_id: str, *, by: Actor) -> tuple[Row, Row | None]:
    """An event, and its seal if it is sealed; raises `NotFound`, for what is no id as well."""
    rights.check_holds([Permission.AUDIT_READ], by=by)
    event = _event(object_id(event_id))
    return event, AuditSeal._get_collection().find_one({"event": event["_id"]})


def rows(chosen: Filters, *, by: Actor) -> Iterator[Row]:
    """All of them with `COLUMNS`, newest first, read in batches while they are taken. That is an event itself, entered first."""
    rights.check_holds([Permission.AUDIT_READ], by=by)
    audit.record_export(Action.AUDIT_EXPORT, {"kind": "audit", "id": "audit"}, _as_asked(chosen), by=by)
    return _rows(chosen)


def _rows(chosen: Filters) -> Iterator[Row]:
    last = None
    while batch := _page(chosen, last, BATCH):
        yield from map(_row, batch)
        last = batch[-1]


def _row(event: Row) -> Row:
    actor, changed = event["actor"], event["object"]
    names = ("at", "action", "on_behalf_of", "before", "after", "reason", "address", "request_id", "batch", "outcome")
    return {
        "id": event["_id"],
        **{name: event.get(name) for name in (*names, "seq")},
        **{f"actor_{name}": actor.get(name) for name in ("kind", "id", "name")},
        **{f"object_{name}": changed.get(name) for name in ("kind", "id", "number")},
    }


def _page(chosen: Filters, before: Row | None, limit: int) -> list[Row]:
    """What somebody did by themselves and what they did by a key stand in two indexes, each in the list's order."""
    fields = ("actor.id", "on_behalf_of") if chosen.actor else ("",)
    found = [list(_found(chosen, before, field).limit(limit)) for field in fields]
    return list(merge(*found, key=lambda event: (event["at"], event["_id"]), reverse=True))[:limit]


def _found(chosen: Filters, before: Row | None, actor_field: str) -> Cursor[Row]:
    bounds = {name: moment for name, moment in (("$gte", chosen.since), ("$lt", chosen.until)) if moment}
    object_field = "object.number" if isinstance(chosen.object, int) else "object.id"
    named = {actor_field: chosen.actor, object_field: chosen.object}
    query: Row = {name: value for name, value in named.items() if value}
    # All actions are named where none is chosen: the index then gives the events of each in their order.
    if chosen.action or query:
        query["action"] = chosen.action.value if chosen.action else {"$in": [str(one) for one in Action]}
    index = [*((name, 1) for name in query), *ORDER]
    if bounds:
        query["at"] = bounds
    if before:
        place = [{"at": {"$lt": before["at"]}}, {"at": before["at"], "_id": {"$lt": before["_id"]}}]
        query = {"$and": [query, {"at": {"$lte": before["at"]}}, {"$or": place}]}
    cursor = AuditEvent._get_collection().find(query).sort(ORDER)
    # Of an actor and an object, what fewer events name is for the database to find out.
    return cursor if chosen.actor and chosen.object else cursor.hint(index)


def _id(text: str) -> str | None:
    """Whom or what it names: a user's id where there is such a user, otherwise as it is written."""
    if not (text := text.strip()):
        return None
    try:
        return str(users.find(text).id)
    except NotFound:
        return text


def _event(event_id: ObjectId | None) -> Row:
    event = AuditEvent._get_collection().find_one({"_id": event_id}) if event_id else None
    if event is None:
        raise NotFound
    return event


def _as_asked(chosen: Filters) -> Row:
    action = str(chosen.action) if chosen.action else None
    asked = {"actor": _unless_personal(chosen.actor), "action": action, "object": _unless_personal(chosen.object)}
    return {**asked, "since": chosen.since, "until": chosen.until}


def _unless_personal(asked: str | int | None) -> str | int | None:
    """An address or a phone number that is nobody's here is not kept, since nobody could erase it."""
    return "–" if isinstance(asked, str) and ("@" in asked or users.is_like_phone(asked)) else asked
