"""Changing what several admins may have open at once: whoever read it before somebody else changed it is told so."""

from typing import Any, TypeVar

from mongoengine import Document

from app.models.domain_error import ChangedByOther
from app.services import due

Versioned = TypeVar("Versioned", bound=Document)


def change(document: Versioned, version: int, fields: dict[str, Any], said: dict[str, Any]) -> Versioned:
    """Sets `fields`, with `said` due, and does it; raises `ChangedByOther` where it has another `version`, or was removed."""
    kind = type(document)
    changed = kind._get_collection().update_one(
        {"_id": document.pk, "version": version, "removed_at": None},
        {"$set": fields, "$inc": {"version": 1}, "$push": {"due": said}},
    )
    if not changed.matched_count:
        raise ChangedByOther
    due.perform(kind, document.pk)
    found: Versioned = kind.objects.get(pk=document.pk)
    return found
