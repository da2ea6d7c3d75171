"""Whom a metering key speaks of, and what it is told when that user's tokens are too few."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from bson import ObjectId
from pydantic import Field

from app.models.domain_error import InsufficientTokens
from app.openapi import ErrorShape
from app.public_url import public_url
from app.routes.api.frame import text
from app.routes.api.shapes import Instant
from app.services import quota_requests, users

WHO = "An id, `external:<id>`, or an e-mail address or phone number that is confirmed."
UserName = Annotated[str, text(1, 254, WHO, examples=["external:u-17"])]


class TooFewTokens(ErrorShape):
    """The refusal for want of tokens: the fields of every error, and what can be done."""

    remaining_tokens: int = Field(alias="remaining_tokens", examples=[120])
    needed: int = Field(examples=[700])
    resets_at: Instant | None = Field(alias="resets_at", description="null without an allowance.")
    can_request: bool = Field(alias="can_request", description="Whether the user may ask for more now.")
    reason_code: str | None = Field(
        alias="reason_code", description="Why not: pending, daily_limit, no_allowance, inactive, or null."
    )
    request_url: str = Field(alias="request_url", description="Where the user asks, once signed in.")


# For a route's `responses`.
TOO_FEW: dict[Any, Any] = {402: TooFewTokens}


@contextmanager
def told_what_to_do(user_id: ObjectId) -> Iterator[None]:
    """Within it, a refusal for want of tokens also says whether the user can ask for more, and where."""
    try:
        yield
    except InsufficientTokens as refusal:
        found = quota_requests.can_submit(users.get(user_id))
        refusal.beside = {
            "remaining_tokens": refusal.values["available"],
            "needed": refusal.values["needed"],
            "resets_at": refusal.values["resets_at"],
            "can_request": found.can_request,
            "reason_code": found.reason_code,
            "request_url": public_url("requests.new", kind="quota"),
        }
        raise
