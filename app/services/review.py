"""Deciding on requests: the only code that changes a request's status.

A decision is one conditional update: whoever matches the status and version that were read wins, everybody else hears who did.
What follows from it is written in the same update, as the request's `due` list.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock, db, metrics
from app.models.actor import SYSTEM, Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, Busy, ChangedMeanwhile, Forbidden, SlotTaken, WorkOutstanding
from app.models.due_item import due_item
from app.models.plain_text import plain_text
from app.models.token_request import OPEN, TRANSITIONS, Role, Status, TokenRequest, next_moment
from app.models.user import User
from app.models.webhook import Event
from app.services import deliveries, due, request_kinds, submissions, supports, token_requests

LONGEST_RESPONSE = 500
LONGEST_NOTE = 5_000
MOST_ATTEMPTS = 20

# What webhooks hear of as a decision.
DECIDED = frozenset({Status.APPROVED, Status.REJECTED, Status.SPAM, Status.REVOKED})

# What the owner hears of each step by others: the kind of notice.
NOTICES = {
    (Status.PENDING, Status.APPROVED): "request_approved",
    (Status.PENDING, Status.REJECTED): "request_rejected",
    (Status.NEEDS_INFO, Status.REJECTED): "request_rejected",
    (Status.PENDING, Status.SPAM): "request_spam",
    (Status.NEEDS_INFO, Status.SPAM): "request_spam",
    (Status.PENDING, Status.NEEDS_INFO): "question_asked",
    (Status.PENDING, Status.EXPIRED): "request_expired",
    (Status.NEEDS_INFO, Status.EXPIRED): "request_expired",
    (Status.REJECTED, Status.PENDING): "request_reopened",
    (Status.SPAM, Status.PENDING): "request_reopened",
    (Status.APPROVED, Status.REVOKED): "request_revoked",
}


# --- the steps --------------------------------------------------------------------------------------------------------


def approve(
    token_request: TokenRequest,
    *,
    by: Actor,
    version: int | None = None,
    response: str = "",
    granted: int | None = None,
    note: str = "",
) -> TokenRequest:
    """Gives what was asked for; `version` is the one that the reviewer's page showed, `note` an internal one.

    `granted` is how many tokens, for the kinds in `request_kinds.GRANTS`; None means the default.
    """
    granted = request_kinds.granted(token_request.kind, granted)
    return _decide(token_request, Status.APPROVED, by, version, response, granted=granted, note=note)


def reject(
    token_request: TokenRequest, *, by: Actor, version: int | None = None, response: str = "", note: str = ""
) -> TokenRequest:
    """Refuses what was asked for; the kinds in `request_kinds.RESPONSE_REQUIRED` need a response to the requester."""
    least = 1 if token_request.kind in request_kinds.RESPONSE_REQUIRED else 0
    return _decide(token_request, Status.REJECTED, by, version, response, least=least, note=note)


def mark_spam(token_request: TokenRequest, *, by: Actor, version: int | None = None, note: str = "") -> TokenRequest:
    """Puts away what was not meant seriously."""
    return _decide(token_request, Status.SPAM, by, version, "", note=note)


def ask(token_request: TokenRequest, *, by: Actor, question: str, version: int | None = None) -> TokenRequest:
    """Asks the requester something; the request waits for the answer."""
    question = plain_text(question, "question", least=1, most=LONGEST_RESPONSE)
    return _step(token_request, Status.NEEDS_INFO, by=by, version=version, note=question)


def answer(token_request: TokenRequest, *, by: Actor, answer: str, version: int | None = None) -> TokenRequest:
    """The requester's answer; the request is pending again."""
    answer = plain_text(answer, "answer", least=1, most=LONGEST_NOTE)
    return _step(token_request, Status.PENDING, by=by, version=version, note=answer, role=Role.OWNER)


def withdraw(token_request: TokenRequest, *, by: Actor, version: int | None = None) -> TokenRequest:
    """The requester takes the request back."""
    return _step(token_request, Status.WITHDRAWN, by=by, version=version, role=Role.OWNER)


def reopen(token_request: TokenRequest, *, by: Actor, note: str, version: int | None = None) -> TokenRequest:
    """Takes a refusal back, with an internal note; refused while another request has its slot, and where nobody would hear."""
    if User.objects(id=token_request.user, deleted_at__ne=None).first():
        raise Forbidden(N_("The owner has deleted this account."))
    note = plain_text(note, "note", least=1, most=LONGEST_NOTE)
    return _step(token_request, Status.PENDING, by=by, version=version, internal_note=note)


def revoke(token_request: TokenRequest, *, by: Actor, reason: str, version: int | None = None) -> TokenRequest:
    """Takes an approval back, after everything that it brought is done; takes back what is left of what it gave."""
    reason = plain_text(reason, "reason", least=1, most=LONGEST_RESPONSE)
    due.perform(TokenRequest, token_request.id)
    return _decide(token_request, Status.REVOKED, by, version, reason)


def add_note(token_request: TokenRequest, *, by: Actor, text: str) -> TokenRequest:
    """Keeps an internal note with the request; the requester never sees it, and writes none."""
    if by.person == str(token_request.user):
        raise Forbidden(N_("You cannot write internal notes on your own request."))
    text, at = plain_text(text, "note", least=1, most=LONGEST_NOTE), clock.now()
    noted = due_item(
        f"request:{token_request.id}:note:{ObjectId()}", "audit", at=at, **_audited(token_request, "request.note", by)
    )
    written = TokenRequest._get_collection().update_one(
        {"_id": token_request.id, "removal": None},
        {"$push": {"notes": {"by": by.stamp(), "at": at, "text": text}, "due": noted}},
    )
    if not written.matched_count:
        raise token_requests.not_there()
    due.perform(TokenRequest, token_request.id)
    return token_requests.by_id(token_request.id)


def retry(token_request: TokenRequest, *, by: Actor) -> bool:
    """Does once more what follows from a decision and could not be done, on others' requests; whether nothing is left."""
    if by.person == str(token_request.user):
        raise Forbidden(N_("Somebody else has to do that: it is your own request."))
    key, failed = f"request:{token_request.id}:retry:{ObjectId()}", [one["verb"] for one in token_request.failed_items]
    said = _audited(token_request, Action.REQUEST_RETRY, by)
    tried = due_item(key, "audit", at=clock.now(), **said, before={"failed": failed})
    return due.retry_failed(TokenRequest, token_request.id, tried)


def expire(token_request: TokenRequest) -> TokenRequest:
    """Ends a request that has waited too long; refused where somebody decided or changed it at this very moment."""
    return _step(token_request, Status.EXPIRED, by=SYSTEM, version=token_request.version, role=Role.SYSTEM)


# --- taking a step ----------------------------------------------------------------------------------------------------


def _decide(
    token_request: TokenRequest,
    to: Status,
    by: Actor,
    version: int | None,
    response: str,
    *,
    least: int = 0,
    granted: int | None = None,
    note: str = "",
) -> TokenRequest:
    response = plain_text(response, "response", least=least, most=LONGEST_RESPONSE)
    note = plain_text(note, "note", most=LONGEST_NOTE)
    return _step(
        token_request,
        to,
        by=by,
        version=version,
        note=response,
        internal_note=note,
        decides=True,
        granted=granted,
    )


def _step(
    token_request: TokenRequest,
    to: Status,
    *,
    by: Actor,
    version: int | None,
    role: Role = Role.REVIEWER,
    note: str = "",
    internal_note: str = "",
    decides: bool = False,
    granted: int | None = None,
) -> TokenRequest:
    """Takes the step in one conditional update; without a `version` it is taken from wherever the request stands now."""
    for _attempt in range(MOST_ATTEMPTS):
        current = token_requests.by_id(token_request.id)
        # Time repeats itself by finding that the step is taken: each end is told to one worker only.
        if role is not Role.SYSTEM and _is_repeat(current, to, by, note, internal_note, granted):
            db.wait_for_majority()
            return current
        check(current, to, by=by, version=version, role=role)
        update = _update(current, to, by, note, internal_note, decides, granted)
        where: dict[str, Any] = {"_id": current.id, "version": current.version, "status": current.status}
        if to is Status.REVOKED:
            where["due"] = []
        try:
            changed = TokenRequest._get_collection().find_one_and_update(
                where, update, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            holder = submissions.slot_holder(str(current.slot))
            if holder is None:
                continue  # Whoever had the slot has just left it.
            raise SlotTaken(number=holder["number"]) from None
        if changed is not None:
            metrics.step(current.kind, to.value)
            due.perform(TokenRequest, current.id)
            return TokenRequest._from_son(changed)
        if to is Status.REVOKED and token_requests.by_id(current.id).due:
            raise WorkOutstanding
    raise Busy


def _is_repeat(
    current: TokenRequest, to: Status, by: Actor, note: str, internal_note: str, granted: int | None
) -> bool:
    """Whether the same person has just taken this very step: they get the same answer, and nothing happens twice."""
    last = current.history[-1]
    same_person = (last["by"]["kind"], last["by"]["id"]) == (by.kind, by.id)
    same = current.status == to and last["note"] == note and (granted is None or current.granted == granted)
    # Another internal note is no repeat: the same answer would lose it. A step and its note have one time.
    kept = [one["text"] for one in current.notes if one["at"] == last["at"]]
    same = same and (not internal_note or internal_note in kept)
    return len(current.history) > 1 and same_person and same


def check(
    current: TokenRequest, to: Status, *, by: Actor, version: int | None = None, role: Role = Role.REVIEWER
) -> None:
    """Raises what a step would raise from where the request stands now; nothing is written."""
    if current.removal:
        raise token_requests.not_there()
    if TRANSITIONS.get((Status(current.status), to)) is not role:
        raise token_requests.already_decided(current)
    if version is not None and version != current.version:
        raise ChangedMeanwhile(number=current.number)
    _check_role(current, role, by)


def _check_role(current: TokenRequest, role: Role, by: Actor) -> None:
    owns = by.person == str(current.user)
    if role is Role.OWNER and not owns:
        raise Forbidden
    if role is Role.REVIEWER and by.kind == "system":
        raise Forbidden
    if role is Role.REVIEWER and owns:
        raise Forbidden(N_("You cannot decide your own request."))


def _update(
    current: TokenRequest, to: Status, by: Actor, note: str, internal_note: str, decides: bool, granted: int | None
) -> dict[str, dict[str, Any]]:
    """The one update of a step: status, trail, the user's slot, and what follows."""
    at, place = clock.now(), len(current.history)
    step = {"from_status": current.status, "to_status": to.value, "by": by.stamp(), "at": at, "note": note}
    if by.batch:
        # Whoever finishes the batch after a crash knows by it what it has decided, whatever became of the request since.
        step["batch"] = by.batch
    fields: dict[str, Any] = {"status": to.value, "reservation": None}
    if decides:
        fields["decision"] = {"by": by.stamp(), "at": at, "response": note, "granted": granted}
    update: dict[str, dict[str, Any]] = {"$inc": {"version": 1}}
    push: dict[str, Any] = {
        "history": step,
        "due": {"$each": _follows(current, to, by, at, place, note, internal_note, granted)},
    }
    if internal_note:
        push["notes"] = {"by": by.stamp(), "at": at, "text": internal_note}
    if to in OPEN:
        wakes_at = next_moment(at, submissions.expires_after(), after=at)
        fields |= {"waiting_since": at, "wakes_at": wakes_at}
        if current.slot:
            fields["open_key"] = current.slot
        if current.status not in OPEN:
            fields["decision"] = None
    else:
        update["$unset"] = {"wakes_at": ""}
        if to not in request_kinds.SLOT_KEPT_BY[current.kind]():
            update["$unset"]["open_key"] = ""
    return {**update, "$set": fields, "$push": push}


def _follows(
    current: TokenRequest,
    to: Status,
    by: Actor,
    at: datetime,
    place: int,
    note: str,
    internal_note: str,
    granted: int | None,
) -> list[dict[str, Any]]:
    """What follows from a step: its effect, the owner's notice or the reviewers', the audit event; all under one key."""
    key, items = f"request:{current.id}:{place}", []
    if to is Status.APPROVED:
        items.append(request_kinds.ON_APPROVAL[current.kind](current, key=key, by=by, at=at, granted=granted))
    if to is Status.REVOKED:
        items.append(request_kinds.ON_REVOCATION[current.kind](current, key=key, by=by, at=at, granted=granted))
    if kind := NOTICES.get((Status(current.status), to)):
        values = {"number": current.number, "question" if to is Status.NEEDS_INFO else "response": note}
        if granted is not None:
            values["granted"] = granted
        url = f"/requests/{current.number}"
        items.append(due_item(key, "notify", at=at, user=current.user, kind=kind, values=values, url=url))
    if current.kind in request_kinds.SUPPORTED and current.slot and current.is_open and to not in OPEN:
        items.append(supports.news(current, key=key, at=at, listed=to is Status.APPROVED))
    if to in DECIDED:
        data = {**submissions.webhook_data(current), "status": to.value}
        items.append(deliveries.event_item(key, Event.REQUEST_DECIDED, data, at=at))
    if (current.status, to) == (Status.NEEDS_INFO, Status.PENDING):
        told = {"kind": "question_answered", "values": {"number": current.number}, "except_user": current.user}
        items.append(due_item(key, "notify.reviewers", at=at, url=f"/admin/requests/{current.number}", **told))
    if TRANSITIONS[Status(current.status), to] is not Role.OWNER:
        changes = {"before": {"status": current.status}, "after": {"status": to.value}, "reason": note or internal_note}
        items.append(due_item(key, "audit", at=at, **_audited(current, f"request.{ACTIONS[to]}", by), **changes))
    return items


# What a step is called in the audit trail.
ACTIONS: Mapping[Status, str] = {
    Status.APPROVED: "approve",
    Status.REJECTED: "reject",
    Status.SPAM: "spam",
    Status.NEEDS_INFO: "ask",
    Status.PENDING: "reopen",
    Status.EXPIRED: "expire",
    Status.REVOKED: "revoke",
}


def _audited(token_request: TokenRequest, action: str, by: Actor) -> dict[str, Any]:
    object_ = {"kind": "request", "id": str(token_request.id), "number": token_request.number}
    return {"action": action, "actor": by.trail(), "object": object_}
