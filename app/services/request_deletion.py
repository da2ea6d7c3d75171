"""Deleting a request for good: only what was refused, some time later, and its trail stays.

It is marked first, from when on nothing else can be done with it; the mark carries the audit event, and the document goes
when that is written. Whoever comes after a crash goes on from the mark.
"""

from datetime import timedelta

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action, AuditEvent
from app.models.domain_error import N_, Busy, ChangedMeanwhile, Forbidden, NotDeletable, TooEarly, WorkOutstanding
from app.models.due_item import due_item
from app.models.token_request import Status, TokenRequest
from app.services import due, supports, token_requests

# How long a refused request is kept before it may be deleted.
KEPT = timedelta(days=30)
DELETABLE = frozenset({Status.REJECTED, Status.SPAM})


def check(token_request: TokenRequest, *, by: Actor, version: int | None = None) -> None:
    """Raises what deleting it would raise now; nothing is written."""
    if token_request.removal:
        raise token_requests.not_there()
    if token_request.status not in DELETABLE:
        raise NotDeletable(number=token_request.number)
    if version is not None and version != token_request.version:
        raise ChangedMeanwhile(number=token_request.number)
    if by.person == str(token_request.user):
        raise Forbidden(N_("You cannot delete your own request."))
    may_go_at = token_request.history[-1]["at"] + KEPT
    if clock.now() < may_go_at:
        raise TooEarly(number=token_request.number, next_allowed_at=may_go_at)
    if token_request.failed_items:
        raise WorkOutstanding


def delete(token_request: TokenRequest, *, by: Actor, version: int | None = None, reason: str = "") -> None:
    """Deletes it, with an audit event that says why."""
    check(token_request, by=by, version=version)
    if not due.perform(TokenRequest, token_request.id):
        # What could not be done is said by name; what the database did not answer is done by the worker soon.
        check(token_requests.by_id(token_request.id), by=by, version=version)
        raise Busy
    _mark(token_request, by, reason)
    finish(token_request)


def is_begun(token_request: TokenRequest, *, batch: str) -> bool:
    """Whether this batch has marked the request, and only has to finish."""
    return bool(token_request.removal) and token_request.removal["batch"] == batch


def finish(token_request: TokenRequest) -> None:
    """Removes what is marked; two may do it at once."""
    due.perform(TokenRequest, token_request.id)
    supports.forget(token_request.id)
    requests = TokenRequest._get_collection()
    gone = requests.delete_one({"_id": token_request.id, "removal": {"$ne": None}, "due": []})
    if not gone.deleted_count and requests.find_one({"_id": token_request.id}, {"_id": 1}):
        raise Busy


def was_deleted(request_id: object, *, batch: str) -> bool:
    """Whether this batch has deleted the request."""
    return AuditEvent.objects(key=_key(request_id), batch=batch).first() is not None


def _mark(token_request: TokenRequest, by: Actor, reason: str) -> None:
    at = clock.now()
    said = due_item(
        _key(token_request.id),
        "audit",
        at=at,
        action=Action.REQUEST_DELETE.value,
        actor=by.trail(),
        object={"kind": "request", "id": str(token_request.id), "number": token_request.number},
        before={"status": token_request.status, "kind": token_request.kind, "user": str(token_request.user)},
        reason=reason,
    )
    # The version rises, so that nobody reopens what they have read before.
    marked = TokenRequest._get_collection().update_one(
        {
            "_id": token_request.id,
            "version": token_request.version,
            "status": token_request.status,
            "removal": None,
            "due": [],
        },
        {
            "$set": {"removal": {"by": by.stamp(), "at": at, "batch": by.batch}},
            "$inc": {"version": 1},
            "$push": {"due": said},
        },
    )
    if not marked.modified_count:
        raise ChangedMeanwhile(number=token_request.number)


def _key(request_id: object) -> str:
    return f"request:{request_id}:delete"
