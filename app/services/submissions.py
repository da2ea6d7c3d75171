"""Submitting and editing a request of any kind. The insert itself decides who may submit: two unique keys, no check before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from bson import ObjectId
from flask import current_app
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import Busy, ChangedMeanwhile, DailyLimit, DomainError
from app.models.due_item import due_item
from app.models.token_request import Status, TokenRequest, next_moment
from app.models.user import User
from app.models.webhook import Event
from app.services import deliveries, due, numbers, token_requests

# How often a submit that others overtook looks again before it gives up; each time somebody else has submitted.
MOST_ATTEMPTS = 20

Request = TypeVar("Request", bound=TokenRequest)
Refusal = Callable[[Mapping[str, Any]], DomainError]


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a user may submit a request of a kind now; `reason_code` says why not, and is None where they may.

    Kinds without a limit a day have `max_requests_per_day` None. `open_number` is the request that has the user's slot.
    """

    can_request: bool
    has_pending: bool
    requests_today: int
    max_requests_per_day: int | None
    reason_code: str | None = None
    next_allowed_at: datetime | None = None
    open_number: int | None = None
    waits_for_answer: bool = False


def submit(
    document: type[Request], user: User, *, by: Actor, taken: Refusal, a_day: int | None = None, **fields: Any
) -> Request:
    """Stores a request of `user`, with what follows from it: at most one in its slot, if it has one, and `a_day` of its kind.

    Raises what `taken` makes of the request that has the slot, which wins over `DailyLimit`.
    """
    at = clock.now()
    token_request = document(
        id=ObjectId(),
        user=user.id,
        kind=document.KIND,
        status=Status.PENDING,
        version=1,
        submitted_at=at,
        waiting_since=at,
        wakes_at=next_moment(at, expires_after(), after=at),
        history=[{"from_status": None, "to_status": Status.PENDING.value, "by": by.stamp(), "at": at, "note": ""}],
        **fields,
    )
    token_request.open_key = token_request.slot
    for _attempt in range(MOST_ATTEMPTS):
        if token_request.slot and (holder := slot_holder(token_request.slot)):
            raise taken(holder)
        if a_day is not None:
            token_request.day_key = _free_day_key(token_request, a_day)
        if token_request.number is None:
            # Not before: a refusal takes no number.
            token_request.number = numbers.next_number("token_requests")
            token_request.due = _follows(token_request, user, by)
        try:
            TokenRequest._get_collection().insert_one(token_request.to_mongo().to_dict())
        except DuplicateKeyError:
            continue  # Somebody took the slot or this number of the day just now: what that means is read again.
        due.perform(TokenRequest, token_request.id)
        return token_request
    raise Busy


def edit(
    token_request: TokenRequest, *, version: int, fields: Mapping[str, Any], follows: Sequence[Mapping[str, Any]] = ()
) -> TokenRequest:
    """Changes what the owner wrote while the request is pending; whoever had it open sees that it changed. None removes a field.

    `follows` is what is due with that. Raises `AlreadyDecided`, `ChangedMeanwhile`, or the driver's `DuplicateKeyError` where
    another has the slot.
    """
    kept = {name: value for name, value in fields.items() if value is not None}
    gone = {name: "" for name in fields if name not in kept}
    changed = TokenRequest._get_collection().find_one_and_update(
        {"_id": token_request.id, "status": Status.PENDING, "version": version},
        {
            "$set": kept,
            "$inc": {"version": 1},
            "$push": {"due": {"$each": list(follows)}},
            **({"$unset": gone} if gone else {}),
        },
        return_document=ReturnDocument.AFTER,
    )
    if changed is not None:
        if follows:
            due.perform(TokenRequest, token_request.id)
        return cast(TokenRequest, TokenRequest._from_son(changed))
    current = token_requests.by_id(token_request.id)
    if current.status != Status.PENDING:
        raise token_requests.already_decided(current)
    raise ChangedMeanwhile(number=current.number)


def _follows(token_request: TokenRequest, user: User, by: Actor) -> list[dict[str, Any]]:
    number, at = token_request.number, token_request.submitted_at
    key, url = f"request:{token_request.id}:0", f"/requests/{number}"
    object_ = {"kind": "request", "id": str(token_request.id), "number": number}
    audited = {"action": Action.REQUEST_SUBMIT.value, "actor": by.trail(), "object": object_}
    return [
        due_item(key, "notify", at=at, user=user.id, kind="request_received", values={"number": number}, url=url),
        due_item(
            key,
            "notify.reviewers",
            at=at,
            kind="request_waiting",
            values={"number": number, "name": user.display_name},
            url=f"/admin{url}",
            except_user=user.id,
        ),
        deliveries.event_item(key, Event.REQUEST_SUBMITTED, webhook_data(token_request), at=at),
        # What users do for themselves needs no trail beside the request; what is done for them does.
        *([due_item(key, "audit", at=at, **audited)] if by.kind != "user" else []),
    ]


def webhook_data(token_request: TokenRequest) -> dict[str, Any]:
    """What webhooks are told of a request: which one it is, and no more."""
    return {
        "request": token_request.id,
        "number": token_request.number,
        "kind": token_request.kind,
        "user": token_request.user,
    }


def slot_holder(slot: str) -> Mapping[str, Any] | None:
    """Number, user and status of the request that has `slot` now."""
    return TokenRequest._get_collection().find_one({"open_key": slot}, {"number": 1, "user": 1, "status": 1})


def submitted_today(kind: str, user_id: ObjectId, a_day: int) -> int:
    """How many requests of the kind the user has submitted today; a day begins at midnight in the app's time zone."""
    return len(_taken_day_keys(kind, user_id, a_day))


def next_day() -> datetime:
    """When the day ends on which a limit counts."""
    tomorrow = clock.now().astimezone(_zone()).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, _zone()).astimezone(UTC)


def expires_after() -> timedelta:
    """How long a request waits for a decision or an answer before it expires."""
    return timedelta(days=current_app.config["REQUEST_EXPIRY_DAYS"])


def _day_keys(kind: str, user_id: ObjectId, a_day: int) -> list[str]:
    day = clock.now().astimezone(_zone()).date()
    return [f"{kind}:{user_id}:{day}:{n}" for n in range(1, a_day + 1)]


def _taken_day_keys(kind: str, user_id: ObjectId, a_day: int) -> set[str]:
    keys = _day_keys(kind, user_id, a_day)
    return {one["day_key"] for one in TokenRequest._get_collection().find({"day_key": {"$in": keys}}, {"day_key": 1})}


def _free_day_key(token_request: TokenRequest, a_day: int) -> str:
    taken = _taken_day_keys(token_request.kind, token_request.user, a_day)
    for key in _day_keys(token_request.kind, token_request.user, a_day):
        if key not in taken:
            return key
    raise DailyLimit(limit=a_day, next_allowed_at=next_day())


def _zone() -> ZoneInfo:
    return ZoneInfo(current_app.config["TIME_ZONE"])
