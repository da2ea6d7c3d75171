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
from app.models.token_request import BetaRequest, Status, TokenRequest
from app.models.user import User
from app.services import submissions, token_accounts
from app.services.submissions import Eligibility

KIND = BetaRequest.KIND


def can_submit(user: User) -> Eligibility:
    """Whether `user` may ask to be let in, and if not, why: `reason_code` is None, pending, already_requested or inactive."""
    holder = submissions.slot_holder(BetaRequest.slot_of(user.id))
    waits = holder is not None and holder["status"] in (Status.PENDING, Status.NEEDS_INFO)
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
    counts = BetaRequest.objects.of(user.id).filter(kind=KIND).order_by("-open_key", "-number").first()
    return Standing(counts, may_ask=user.active and (counts is None or counts.open_key is None))


def newest(user: User) -> BetaRequest | None:
    """The user's last beta request, whatever became of it."""
    return BetaRequest.objects.of(user.id).filter(kind=KIND).newest_first().first()


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


def _already_requested(holder: Mapping[str, Any]) -> AlreadyRequested:
    return AlreadyRequested(number=holder["number"])
