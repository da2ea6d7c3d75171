"""Quota requests: a user has run out and asks for the allowance to be reset."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import current_app

from app.models.actor import Actor
from app.models.domain_error import AlreadyPending, NoAllowance, UserInactive
from app.models.due_item import due_item
from app.models.plain_text import plain_text
from app.models.token_request import QuotaRequest, Status, TokenRequest
from app.models.user import User
from app.services import prompts, submissions, token_accounts
from app.services.submissions import Eligibility

KIND = QuotaRequest.KIND
LONGEST_REASON = 500


def can_submit(user: User) -> Eligibility:
    """Whether `user` may ask for a reset of the allowance now, and if not, why and when again.

    `reason_code` is None, pending, daily_limit, no_allowance or inactive.
    """
    a_day = _a_day()
    holder = submissions.slot_holder(QuotaRequest.slot_of(user.id))
    today = submissions.submitted_today(KIND, user.id, a_day)
    code, next_at = None, None
    if not user.active:
        code = "inactive"
    elif not token_accounts.view(user.id).has_allowance:
        code = "no_allowance"
    elif holder is not None:
        code = "pending"
    elif today >= a_day:
        code, next_at = "daily_limit", submissions.next_day()
    return Eligibility(
        can_request=code is None,
        has_pending=holder is not None,
        requests_today=today,
        max_requests_per_day=a_day,
        reason_code=code,
        next_allowed_at=next_at,
        open_number=holder["number"] if holder else None,
        waits_for_answer=holder is not None and holder["status"] == Status.NEEDS_INFO,
    )


def has_run_out(user: User) -> bool:
    """Whether the user has a reason to ask: having tokens left refuses nobody, but only who is out is invited."""
    return prompts.is_out_of_tokens(token_accounts.view(user.id))


def submit(user: User, *, reason: str, by: Actor) -> QuotaRequest:
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
    return submissions.submit(
        QuotaRequest, user, by=by, taken=_already_pending, a_day=_a_day(), reason=reason, usage=usage
    )


def edit(token_request: TokenRequest, *, reason: str, version: int) -> TokenRequest:
    """Changes the owner's own words while the request is pending; whoever had it open sees that it changed."""
    reason = plain_text(reason, "reason", least=1, most=LONGEST_REASON)
    return submissions.edit(token_request, version=version, fields={"reason": reason})


def reset_allowance(
    token_request: TokenRequest, *, key: str, by: Actor, at: datetime, granted: int | None
) -> dict[str, Any]:
    """What is due with an approval: nothing used, and a new period."""
    number = token_request.number
    return due_item(
        key,
        "account.reset",
        at=at,
        user=token_request.user,
        by=by.stamp(),
        reason=f"Request #{number} approved",
        reference={"request": number},
    )


def _already_pending(holder: Mapping[str, Any]) -> AlreadyPending:
    return AlreadyPending(number=holder["number"])


def _a_day() -> int:
    return int(current_app.config["QUOTA_REQUESTS_A_DAY"])
