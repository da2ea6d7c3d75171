"""Submitting, editing and finding requests. The insert itself decides who may submit: two unique keys, no check before it."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId
from flask import current_app
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import (
    N_,
    AlreadyDecided,
    AlreadyPending,
    Busy,
    ChangedMeanwhile,
    DailyLimit,
    NoAllowance,
    NotFound,
    UserInactive,
)
from app.models.due_item import due_item
from app.models.object_id import object_id
from app.models.plain_text import plain_text
from app.models.token_request import QuotaRequest, Status, TokenRequest
from app.models.user import User
from app.services import due, numbers, token_accounts

LONGEST_REASON = 500
# How often a submit that others overtook looks again before it gives up; each time somebody else has submitted.
MOST_ATTEMPTS = 20
KIND = "quota"
_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a user may submit a quota request now; `reason_code` is None, pending, daily_limit, no_allowance or inactive."""

    can_request: bool
    has_pending: bool
    requests_today: int
    max_requests_per_day: int
    reason_code: str | None = None
    next_allowed_at: datetime | None = None
    open_number: int | None = None


# --- submitting -------------------------------------------------------------------------------------------------------


def can_submit_quota(user: User) -> Eligibility:
    """Whether `user` may ask for a reset of the allowance now, and if not, why and when again."""
    cap = current_app.config["QUOTA_REQUESTS_A_DAY"]
    open_request = _open_request(user.id)
    taken = _taken_day_keys(user.id)
    code, next_at = None, None
    if not user.active:
        code = "inactive"
    elif not token_accounts.view(user.id).has_allowance:
        code = "no_allowance"
    elif open_request is not None:
        code = "pending"
    elif len(taken) >= cap:
        code, next_at = "daily_limit", _next_day()
    return Eligibility(
        can_request=code is None,
        has_pending=open_request is not None,
        requests_today=len(taken),
        max_requests_per_day=cap,
        reason_code=code,
        next_allowed_at=next_at,
        open_number=open_request["number"] if open_request else None,
    )


def submit_quota(user: User, *, reason: str, by: Actor) -> QuotaRequest:
    """Asks for a reset of the allowance.

    Raises `InvalidInput`, `UserInactive`, `NoAllowance`, `AlreadyPending` (which wins over the cap) or `DailyLimit`.
    """
    reason = plain_text(reason, "reason", least=1, most=LONGEST_REASON)
    if not user.active:
        raise UserInactive
    account = token_accounts.view(user.id)
    if not account.has_allowance:
        raise NoAllowance
    usage = {"token_count": account.used, "request_count": account.period_calls}
    token_request = None
    for _attempt in range(MOST_ATTEMPTS):
        _refuse_second(user.id)
        day_key = _free_day_key(user.id)
        token_request = token_request or _new(user, reason, usage, by)
        token_request.day_key = day_key
        try:
            TokenRequest._get_collection().insert_one(token_request.to_mongo().to_dict())
        except DuplicateKeyError:
            continue  # Somebody took the slot or this number of the day just now: what that means is read again.
        due.perform(TokenRequest, token_request.id)
        return token_request
    raise Busy


def _new(user: User, reason: str, usage: dict[str, int], by: Actor) -> QuotaRequest:
    at, id_, number = clock.now(), ObjectId(), numbers.next_number("token_requests")
    key, url = f"request:{id_}:0", f"/requests/{number}"
    told = {"number": number, "name": user.display_name}
    object_ = {"kind": "request", "id": str(id_), "number": number}
    audited = {"action": Action.REQUEST_SUBMIT.value, "actor": by.trail(), "object": object_}
    return QuotaRequest(
        id=id_,
        number=number,
        user=user.id,
        kind=KIND,
        status=Status.PENDING,
        version=1,
        submitted_at=at,
        waiting_since=at,
        reason=reason,
        usage=usage,
        history=[{"from_status": None, "to_status": Status.PENDING.value, "by": by.stamp(), "at": at, "note": ""}],
        open_key=_open_key(user.id),
        due=[
            due_item(key, "notify", at=at, user=user.id, kind="request_received", values={"number": number}, url=url),
            due_item(
                key,
                "notify.reviewers",
                at=at,
                kind="request_waiting",
                values=told,
                url=f"/admin{url}",
                except_user=user.id,
            ),
            # What users do for themselves needs no trail beside the request; what is done for them does.
            *([due_item(key, "audit", at=at, **audited)] if by.kind != "user" else []),
        ],
    )


def _refuse_second(user_id: ObjectId) -> None:
    if open_request := _open_request(user_id):
        raise AlreadyPending(number=open_request["number"])


def _open_request(user_id: ObjectId) -> dict[str, Any] | None:
    return TokenRequest._get_collection().find_one({"open_key": _open_key(user_id)}, {"number": 1})


def _open_key(user_id: ObjectId) -> str:
    return f"{KIND}:{user_id}"


def _day_keys(user_id: ObjectId) -> list[str]:
    """One for each request that a day allows; a day begins at midnight in the app's time zone."""
    day = clock.now().astimezone(_zone()).date()
    return [f"{KIND}:{user_id}:{day}:{n}" for n in range(1, current_app.config["QUOTA_REQUESTS_A_DAY"] + 1)]


def _taken_day_keys(user_id: ObjectId) -> set[str]:
    taken = TokenRequest._get_collection().find({"day_key": {"$in": _day_keys(user_id)}}, {"day_key": 1})
    return {one["day_key"] for one in taken}


def _free_day_key(user_id: ObjectId) -> str:
    keys, taken = _day_keys(user_id), _taken_day_keys(user_id)
    for key in keys:
        if key not in taken:
            return key
    raise DailyLimit(limit=len(keys), next_allowed_at=_next_day())


def _next_day() -> datetime:
    tomorrow = clock.now().astimezone(_zone()).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, _zone()).astimezone(UTC)


def _zone() -> ZoneInfo:
    return ZoneInfo(current_app.config["TIME_ZONE"])


# --- editing ----------------------------------------------------------------------------------------------------------


def edit(token_request: TokenRequest, *, reason: str, version: int) -> TokenRequest:
    """Changes the owner's own words while the request is pending; whoever had it open sees that it changed."""
    reason = plain_text(reason, "reason", least=1, most=LONGEST_REASON)
    changed = TokenRequest._get_collection().find_one_and_update(
        {"_id": token_request.id, "status": Status.PENDING, "version": version},
        {"$set": {"reason": reason}, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
    )
    if changed is not None:
        return TokenRequest._from_son(changed)
    current = by_id(token_request.id)
    if current.status != Status.PENDING:
        raise already_decided(current)
    raise ChangedMeanwhile(number=current.number)


def already_decided(token_request: TokenRequest) -> AlreadyDecided:
    """The refusal that says who brought the request to where it stands, and when."""
    last = token_request.history[-1]
    return AlreadyDecided(
        number=token_request.number, status=token_request.status, by=last["by"]["name"], at=last["at"]
    )


# --- finding ----------------------------------------------------------------------------------------------------------


def by_id(request_id: ObjectId) -> TokenRequest:
    """The request with this id."""
    return _found(TokenRequest.objects(id=request_id).first())


def by_number(number: int) -> TokenRequest:
    """The request that people call #`number`."""
    return _found(TokenRequest.objects(number=number).first())


def find(reference: str, *, kind: str | None = None) -> TokenRequest:
    """The request that a number or an id names, if it is of the kind, where one is given."""
    found = None
    if _NUMBER.fullmatch(reference):
        found = TokenRequest.objects(number=int(reference)).first()
    elif known := object_id(reference):
        found = TokenRequest.objects(id=known).first()
    return _found(found if found and kind in (None, found.kind) else None)


def own(user_id: ObjectId, number: int) -> TokenRequest:
    """A user's own request; somebody else's is not found."""
    return _found(TokenRequest.objects(number=number, user=user_id).first())


def mine(
    user_id: ObjectId, *, kind: str | None = None, before: int | None = None, limit: int = 50
) -> list[TokenRequest]:
    """A user's requests, newest first; `before` is the number of the last one on the page before this one."""
    return _page(TokenRequest.objects.of(user_id).filter(**_where(kind=kind)), before, limit)


def desk_page(
    *, status: Status | None = None, kind: str | None = None, before: int | None = None, limit: int = 50
) -> list[TokenRequest]:
    """Everybody's requests, newest first, of a status and a kind where given."""
    return _page(TokenRequest.objects(**_where(status=status, kind=kind)), before, limit)


def count(
    *, status: Status | None = None, kind: str | None = None, user: ObjectId | None = None, at_most: int = 10_001
) -> int:
    """How many requests there are of a status, a kind and a user; counting stops at `at_most`."""
    where = {**_where(status=status, kind=kind), **({"user": user} if user else {})}
    return TokenRequest._get_collection().count_documents(where, limit=at_most)


def pending_count() -> int:
    """How many wait for a decision."""
    return count(status=Status.PENDING)


def totals(kind: str) -> Counter[str]:
    """How many requests of a kind stand where; a status that none has counts 0."""
    by_status = [{"$match": {"kind": kind}}, {"$group": {"_id": "$status", "count": {"$sum": 1}}}]
    return Counter({one["_id"]: one["count"] for one in TokenRequest._get_collection().aggregate(by_status)})


def oldest_pending() -> TokenRequest | None:
    """The request that has waited longest for a decision."""
    return TokenRequest.objects(status=Status.PENDING).order_by("number").first()


def stuck() -> list[TokenRequest]:
    """Requests of which something that follows from a decision could not be done."""
    return list(TokenRequest.objects.stuck().newest_first())


def _where(**values: str | None) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value}


def _page(requests: Any, before: int | None, limit: int) -> list[TokenRequest]:
    return list((requests.filter(number__lt=before) if before else requests).newest_first().limit(limit))


def _found(token_request: TokenRequest | None) -> TokenRequest:
    if token_request is None:
        raise NotFound(N_("Request not found"))
    return token_request
