"""The desk's list as rows of a file.

Internal notes are left out: whoever reviews may read them, but a file travels.
"""

from collections.abc import Iterator
from typing import Any

from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.person import Person
from app.services import audit, desk, users

BATCH = 500
COLUMNS = (
    *("number", "kind", "status", "user_id", "name", "email", "submitted_at", "reason"),
    *("used_when_submitted", "calls_when_submitted", "decided_at", "decided_by", "response", "granted"),
    *("token_symbol", "token_name", "blockchain", "contract_address", "decimals"),
)
# Of crypto tokens; requests for anything else have none of them.
OF_TOKENS = COLUMNS[-5:]
# What the columns are made of.
FIELDS = ("number", "kind", "status", "user", "submitted_at", "reason", "usage", "decision", *OF_TOKENS)


def rows(filters: desk.Filters, *, oldest_first: bool = False, by: Actor) -> Iterator[dict[str, Any]]:
    """The requests of the list in its order, with `COLUMNS`; the trail keeps who takes them along."""
    asked = {name: getattr(filters, name) for name in ("number", "since", "until")}
    asked |= {
        name: list(map(str, getattr(filters, name) or ())) for name in ("kinds", "statuses", "users", "blockchains")
    }
    audit.record_export(Action.REQUESTS_EXPORT, {"kind": "requests", "id": "requests"}, asked, by=by)
    return _rows(filters, oldest_first=oldest_first)


def _rows(filters: desk.Filters, *, oldest_first: bool) -> Iterator[dict[str, Any]]:
    """They are read in batches while they are taken."""
    onwards = "after" if oldest_first else "before"
    place: dict[str, int] = {}
    while batch := desk.documents(filters, oldest_first=oldest_first, limit=BATCH, fields=FIELDS, **place):
        people = users.by_ids(one["user"] for one in batch)
        for one in batch:
            yield _row(one, people.get(one["user"]))
        if len(batch) < BATCH:
            return
        place = {onwards: batch[-1]["number"]}


def _row(one: dict[str, Any], user: Person | None) -> dict[str, Any]:
    usage, decision = one.get("usage") or {}, one.get("decision") or {}
    return {
        **{name: one[name] for name in ("number", "kind", "status", "submitted_at")},
        "user_id": one["user"],
        "name": user.display_name if user else None,
        "email": user.email if user else None,
        "reason": one.get("reason"),
        "used_when_submitted": usage.get("token_count"),
        "calls_when_submitted": usage.get("request_count"),
        "decided_at": decision.get("at"),
        "decided_by": decision.get("by", {}).get("name"),
        "response": decision.get("response"),
        "granted": decision.get("granted"),
        **{name: one.get(name) for name in OF_TOKENS},
    }
