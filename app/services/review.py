"""Deciding on requests: the only code that changes a request's status.

A decision is one conditional update: whoever matches the status and version that were read wins, everybody else hears who did.
What follows from it is written in the same update, as the request's `due` list.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import SYSTEM, Actor
from app.models.domain_error import N_, Busy, ChangedMeanwhile, DomainError, Forbidden, SlotTaken, WorkOutstanding
from app.models.due_item import due_item
from app.models.plain_text import plain_text
from app.models.token_request import OPEN, TRANSITIONS, Role, Status, TokenRequest
from app.services import due, token_requests

LONGEST_RESPONSE = 500
LONGEST_NOTE = 5_000
MOST_ATTEMPTS = 20

Item = dict[str, Any]


# --- what a decision brings -------------------------------------------------------------------------------------------


def _reset_allowance(token_request: TokenRequest, key: str, by: Actor, at: datetime) -> Item:
    reference = {"request": token_request.number}
    reason = f"Request #{token_request.number} approved"
    return due_item(
        key, "account.reset", at=at, user=token_request.user, by=by.stamp(), reason=reason, reference=reference
    )


def _take_back_tokens(token_request: TokenRequest, key: str, by: Actor, at: datetime) -> Item:
    reference = {"request": token_request.number}
    reason = f"Request #{token_request.number} revoked"
    place = max(n for n, step in enumerate(token_request.history) if step["to_status"] == Status.APPROVED)
    undoes = f"request:{token_request.id}:{place}"
    return due_item(
        key,
        "account.revoke",
        at=at,
        user=token_request.user,
        undoes=undoes,
        by=by.stamp(),
        reason=reason,
        reference=reference,
    )


Effect = Callable[[TokenRequest, str, Actor, datetime], Item]
# What approval gives, and what revoking takes back, by kind.
ON_APPROVAL: dict[str, Effect] = {"quota": _reset_allowance}
ON_REVOCATION: dict[str, Effect] = {"quota": _take_back_tokens}

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
# The kinds whose rejection must be explained to the requester.
RESPONSE_REQUIRED = frozenset({"quota"})


# --- the steps --------------------------------------------------------------------------------------------------------


def approve(token_request: TokenRequest, *, by: Actor, version: int | None = None, response: str = "") -> TokenRequest:
    """Gives what was asked for; `version` is the one that the reviewer's page showed."""
    return _decide(token_request, Status.APPROVED, by, version, response)


def reject(token_request: TokenRequest, *, by: Actor, version: int | None = None, response: str = "") -> TokenRequest:
    """Refuses what was asked for; the kinds in `RESPONSE_REQUIRED` need a response to the requester."""
    least = 1 if token_request.kind in RESPONSE_REQUIRED else 0
    return _decide(token_request, Status.REJECTED, by, version, response, least=least)


def mark_spam(token_request: TokenRequest, *, by: Actor, version: int | None = None) -> TokenRequest:
    """Puts away what was not meant seriously."""
    return _decide(token_request, Status.SPAM, by, version, "")


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
    """Takes a refusal back, with an internal note; refused while the requester has another open request of the kind."""
    note = plain_text(note, "note", least=1, most=LONGEST_NOTE)
    return _step(token_request, Status.PENDING, by=by, version=version, internal_note=note)


def revoke(token_request: TokenRequest, *, by: Actor, reason: str, version: int | None = None) -> TokenRequest:
    """Takes an approval back, after everything that it brought is done; takes back what is left of what it gave."""
    reason = plain_text(reason, "reason", least=1, most=LONGEST_RESPONSE)
    due.perform(TokenRequest, token_request.id)
    return _decide(token_request, Status.REVOKED, by, version, reason)


def add_note(token_request: TokenRequest, *, by: Actor, text: str) -> TokenRequest:
    """Keeps an internal note with the request; the requester never sees it."""
    text, at = plain_text(text, "note", least=1, most=LONGEST_NOTE), clock.now()
    noted = due_item(
        f"request:{token_request.id}:note:{ObjectId()}", "audit", at=at, **_audited(token_request, "request.note", by)
    )
    TokenRequest._get_collection().update_one(
        {"_id": token_request.id}, {"$push": {"notes": {"by": by.stamp(), "at": at, "text": text}, "due": noted}}
    )
    due.perform(TokenRequest, token_request.id)
    return token_requests.by_id(token_request.id)


def expire_due(limit: int = 500) -> int:
    """Ends the requests that have waited too long, for an answer or for a decision; returns how many."""
    cutoff = clock.now() - timedelta(days=current_app.config["REQUEST_EXPIRY_DAYS"])
    expired = 0
    for token_request in TokenRequest.objects(status__in=list(OPEN), waiting_since__lte=cutoff).limit(limit):
        try:
            _step(token_request, Status.EXPIRED, by=SYSTEM, version=token_request.version, role=Role.SYSTEM)
        except DomainError:
            continue  # Somebody decided or changed it at this very moment.
        expired += 1
    return expired


# --- taking a step ----------------------------------------------------------------------------------------------------


def _decide(
    token_request: TokenRequest, to: Status, by: Actor, version: int | None, response: str, *, least: int = 0
) -> TokenRequest:
    response = plain_text(response, "response", least=least, most=LONGEST_RESPONSE)
    return _step(token_request, to, by=by, version=version, note=response, decides=True)


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
) -> TokenRequest:
    """Takes the step in one conditional update; without a `version` it is taken from wherever the request stands now."""
    for _attempt in range(MOST_ATTEMPTS):
        current = token_requests.by_id(token_request.id)
        if _is_repeat(current, to, by, note):
            return current
        if TRANSITIONS.get((Status(current.status), to)) is not role:
            raise token_requests.already_decided(current)
        if version is not None and version != current.version:
            raise ChangedMeanwhile(number=current.number)
        _check_role(current, role, by)
        update = _update(current, to, by, note, internal_note, decides)
        where: dict[str, Any] = {"_id": current.id, "version": current.version, "status": current.status}
        if to is Status.REVOKED:
            where["due"] = []
        try:
            changed = TokenRequest._get_collection().find_one_and_update(
                where, update, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            raise SlotTaken from None
        if changed is not None:
            due.perform(TokenRequest, current.id)
            return TokenRequest._from_son(changed)
        if to is Status.REVOKED and token_requests.by_id(current.id).due:
            raise WorkOutstanding
    raise Busy


def _is_repeat(current: TokenRequest, to: Status, by: Actor, note: str) -> bool:
    """Whether the same person has just taken this very step: they get the same answer, and nothing happens twice."""
    last = current.history[-1]
    same_person = (last["by"]["kind"], last["by"]["id"]) == (by.kind, by.id)
    return len(current.history) > 1 and current.status == to and same_person and last["note"] == note


def _check_role(current: TokenRequest, role: Role, by: Actor) -> None:
    owns = by.person == str(current.user)
    if role is Role.OWNER and not owns:
        raise Forbidden
    if role is Role.REVIEWER and by.kind == "system":
        raise Forbidden
    if role is Role.REVIEWER and owns:
        raise Forbidden(N_("You cannot decide your own request."))


def _update(
    current: TokenRequest, to: Status, by: Actor, note: str, internal_note: str, decides: bool
) -> dict[str, dict[str, Any]]:
    """The one update of a step: status, trail, the user's slot, and what follows."""
    at, place = clock.now(), len(current.history)
    step = {"from_status": current.status, "to_status": to.value, "by": by.stamp(), "at": at, "note": note}
    fields: dict[str, Any] = {"status": to.value}
    if decides:
        fields["decision"] = {"by": by.stamp(), "at": at, "response": note, "granted": None}
    update: dict[str, dict[str, Any]] = {"$inc": {"version": 1}}
    push: dict[str, Any] = {
        "history": step,
        "due": {"$each": _follows(current, to, by, at, place, note, internal_note)},
    }
    if internal_note:
        push["notes"] = {"by": by.stamp(), "at": at, "text": internal_note}
    if to in OPEN:
        fields |= {"waiting_since": at, "open_key": current.slot}
        if current.status not in OPEN:
            fields["decision"] = None
    elif to not in current.SLOT_KEPT_BY:
        update["$unset"] = {"open_key": ""}
    return {**update, "$set": fields, "$push": push}


def _follows(
    current: TokenRequest, to: Status, by: Actor, at: datetime, place: int, note: str, internal_note: str
) -> list[Item]:
    """What follows from a step: its effect, the owner's notice, the audit event; all under one key."""
    key, items = f"request:{current.id}:{place}", []
    if to is Status.APPROVED:
        items.append(ON_APPROVAL[current.kind](current, key, by, at))
    if to is Status.REVOKED:
        items.append(ON_REVOCATION[current.kind](current, key, by, at))
    if kind := NOTICES.get((Status(current.status), to)):
        values = {"number": current.number, "question" if to is Status.NEEDS_INFO else "response": note}
        url = f"/requests/{current.number}"
        items.append(due_item(key, "notify", at=at, user=current.user, kind=kind, values=values, url=url))
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
