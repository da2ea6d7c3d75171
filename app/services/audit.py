"""Keeps the trail: one event for each change, however often it is told of it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from app.models.audit_event import AuditEvent


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
