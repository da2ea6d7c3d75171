"""Beta requests: a user asks to be let into the beta program, which brings credits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app

from app.models.account import GrantSource
from app.models.actor import Actor
from app.models.domain_error import AlreadyRequested, UserInactive
from app.models.due_item import due_item
from app.models.token_request import OPEN, BetaRequest, Status, TokenRequest
from app.models.user import User
from app.services import submissions, token_accounts
from app.services.submissions import Eligibility

KIND = BetaRequest.KIND
MOST_NEWER = 50


def can_submit(user: User) -> Eligibility:
    """Whether `user` may ask to be let in, and if not, why: `reason_code` is None, pending, already_requested or inactive."""
    holder = submissions.slot_holder(BetaRequest.slot_of(user.id))
    if holder is not None and holder["status"] not in _holding():
        holder = None
    waits = holder is not None and holder["status"] in OPEN
    code = None
    if not user.active:
        code = "inactive"
    elif holder is not None:
        code = "pending" if waits else "already_requested"
    return Eligibility(
        can_request=code is None,
        has_pending=waits,
        requests_today=0,
        max_requests_per_day=None,
        reason_code=code,
        open_number=holder["number"] if holder else None,
        waits_for_answer=holder is not None and holder["status"] == Status.NEEDS_INFO,
    )


def submit(user: User, *, by: Actor) -> BetaRequest:
    """Asks to be let in, once; raises `UserInactive`, or `AlreadyRequested` where an earlier request keeps its place."""
    if not user.active:
        raise UserInactive
    _free_slot(user)
    account = token_accounts.view(user.id)
    usage = {"token_count": account.used, "request_count": account.period_calls}
    return submissions.submit(BetaRequest, user, by=by, taken=_already_requested, email=user.email, usage=usage)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a user stands with the program: the request that counts, None before the first, and whether to ask is possible."""

    request: BetaRequest | None
    may_ask: bool


def standing(user: User) -> Standing:
    """Where `user` stands: the request that keeps their place, of which there is at most one, else the last one."""
    # One question for both; nobody who has a place has many newer requests.
    mine = BetaRequest.objects.of(user.id).filter(status__in=list(Status), kind=KIND).newest_first().limit(MOST_NEWER)
    holder = next((one for one in mine if one.open_key and one.status in _holding()), None)
    return Standing(holder or next(iter(mine), None), may_ask=user.active and holder is None)


def slot_kept_by() -> frozenset[Status]:
    """The statuses in which nobody may ask again: who was let in, whose request was spam, and where the setting says so,
    who was refused."""
    kept = frozenset({Status.APPROVED, Status.SPAM})
    return kept if current_app.config["BETA_REAPPLY"] else kept | {Status.REJECTED, Status.REVOKED}


def grant_credits(
    token_request: TokenRequest, *, key: str, by: Actor, at: datetime, granted: int | None
) -> dict[str, Any]:
    """What is due with an approval: as many tokens as the reviewer chose, which stay until they are used."""
    number = token_request.number
    return due_item(
        key,
        "account.grant",
        at=at,
        user=token_request.user,
        tokens=granted,
        source=GrantSource.BETA.value,
        by=by.stamp(),
        reason=f"Request #{number} approved",
        reference={"request": number},
    )


def _holding() -> list[Status]:
    """The statuses in which a request that has its user's slot keeps it, by the setting as it is now."""
    return sorted(OPEN | slot_kept_by())


def _free_slot(user: User) -> None:
    """Takes the slot from a request that was decided when the setting kept its user from asking again, and now does not."""
    # Of a request that is reopened at the same time the status does not match any more, and it keeps the slot.
    TokenRequest._get_collection().update_one(
        {"open_key": BetaRequest.slot_of(user.id), "status": {"$nin": _holding()}}, {"$unset": {"open_key": ""}}
    )


def _already_requested(holder: Mapping[str, Any]) -> AlreadyRequested:
    return AlreadyRequested(number=holder["number"])
