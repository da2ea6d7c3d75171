"""Keeps the trail: one event for each change, however often it is told of it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action, AuditEvent
from app.models.due_item import due_item


def item(
    key: str, action: Action, *, by: Actor, changed: Mapping[str, Any], **more: Mapping[str, Any] | str
) -> dict[str, Any]:
    """What is due with a change that is made now: its event; `changed` is the event's object, `more` its other values."""
    return due_item(key, "audit", at=clock.now(), action=str(action), actor=by.trail(), object=changed, **more)


def record(
    *,
    key: str,
    action: str,
    actor: Mapping[str, str | None],
    object: Mapping[str, Any],  # noqa: A002 - the trail's own word for what was changed
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    on_behalf_of: str | None = None,
    outcome: str = "done",
) -> None:
    """Enters one event under its `key`, once; `actor` is an `Actor.trail()`."""
    event = AuditEvent(
        key=key,
        at=at,
        action=action,
        actor={name: actor[name] for name in ("kind", "id", "name")},
        on_behalf_of=on_behalf_of or actor.get("on_behalf_of"),
        object=dict(object),
        before=dict(before or {}),
        after=dict(after or {}),
        reason=reason,
        address=actor.get("address"),
        request_id=actor.get("request_id"),
        batch=actor.get("batch"),
        outcome=outcome,
    )
    event.validate()
    with suppress(DuplicateKeyError):
        AuditEvent._get_collection().insert_one(event.to_mongo().to_dict())


def record_export(action: Action, of: Mapping[str, Any], asked: Mapping[str, Any], *, by: Actor) -> None:
    """Somebody takes rows along; what they asked for stands in `after`, since nothing was changed."""
    said = {name: value for name, value in asked.items() if value}
    record(key=f"{action}:{ObjectId()}", action=action, actor=by.trail(), object=of, at=clock.now(), after=said)
