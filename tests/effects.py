"""What requests have brought about, read from the database and not from the requests themselves."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from app.models.audit_event import AuditEvent
from app.models.domain_error import DomainError, NotFound
from app.models.notification import Notification
from app.models.token_request import TokenRequest
from app.services import ledger

# What the ledger calls what follows from a decision on a quota request.
DECIDED = ("reset", "revocation")


def entries_of(token_request: TokenRequest) -> list[dict[str, Any]]:
    """The ledger entries that name this request, newest first."""
    try:
        entries = ledger.history(token_request.user, types=DECIDED, limit=1_000)
    except NotFound:
        return []  # The user is gone, and the account with them.
    return [entry for entry in entries if entry.get("reference", {}).get("request") == token_request.number]


def effects_of(token_request: TokenRequest) -> Counter[str]:
    """How often each thing came of this request: ledger entries by type, the owner's notices by kind, events by action."""
    key = f"request:{token_request.id}:"
    entries = [entry["type"] for entry in entries_of(token_request)]
    notices = Notification.objects(user=token_request.user, key__startswith=key).scalar("kind")
    events = AuditEvent.objects(object__id=str(token_request.id)).scalar("action")
    return Counter([*entries, *notices, *events])


def stored(token_request: TokenRequest) -> dict[str, Any] | None:
    """The whole document as the database has it now."""
    return TokenRequest._get_collection().find_one({"_id": token_request.id})


def outcome(function: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    """What a call comes to: the name of the refusal, or "done"."""
    try:
        function(*args, **kwargs)
    except DomainError as refusal:
        return type(refusal).__name__
    return "done"
