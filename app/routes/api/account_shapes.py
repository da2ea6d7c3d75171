"""A token account as JSON: the same facts under the names of two kinds of clients."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from app.models.account import Account
from app.routes.api.shapes import CamelShape, Id, Instant, Shape


class Allowance(Shape):
    """The allowance alone, without grants; a tier without one has no period."""

    limit: int = Field(examples=[100_000])
    used: int = Field(examples=[67_500])
    remaining: int = Field(examples=[32_500], description="max(0, limit - used)")
    usage_percentage: float = Field(examples=[67.5], description="One decimal; 0 without an allowance, at most 100.")
    period_start: Instant | None
    period_end: Instant | None


class Use(Shape):
    """What was used in all of the account's life."""

    total_tokens_used: int = Field(examples=[450_000])
    analysis_count: int = Field(examples=[18], description="How many times tokens were used.")
    last_analysis_at: Instant | None


class LiveGrant(Shape):
    """Tokens beside the allowance, of which some are left."""

    id: Id
    source: str = Field(examples=["initial"])
    amount: int = Field(examples=[50_000])
    left: int = Field(examples=[50_000])
    expires_at: Instant | None = Field(description="null: never.")


class AccountShape(Shape):
    """A token account as it is now."""

    user_id: Id
    tier: str = Field(examples=["free"])
    quota: Allowance
    stats: Use
    balance: int = Field(examples=[82_500])
    held: int = Field(examples=[0])
    available: int = Field(examples=[82_500])
    grants: Sequence[LiveGrant]


class CamelAllowance(Allowance, CamelShape):
    """The allowance alone, without grants; a tier without one has no period."""


class CamelUse(Use, CamelShape):
    """What was used in all of the account's life."""


class CamelLiveGrant(LiveGrant, CamelShape):
    """Tokens beside the allowance, of which some are left."""


class CamelAccountShape(AccountShape, CamelShape):
    """A token account as it is now."""

    quota: CamelAllowance
    stats: CamelUse
    grants: Sequence[CamelLiveGrant]


def snake(account: Account) -> AccountShape:
    """For clients that read `user_id`."""
    return AccountShape.model_validate(_facts(account))


def camel(account: Account) -> CamelAccountShape:
    """For clients that read `userId`."""
    return CamelAccountShape.model_validate(_facts(account))


def _facts(account: Account) -> dict[str, Any]:
    return {
        "user_id": str(account.id),
        "tier": account.tier,
        "quota": {
            "limit": account.limit,
            "used": account.used,
            "remaining": account.allowance_left,
            "usage_percentage": account.usage_percent,
            "period_start": account.period_start if account.has_allowance else None,
            "period_end": account.period_end,
        },
        "stats": {
            "total_tokens_used": account.lifetime_tokens,
            "analysis_count": account.lifetime_calls,
            "last_analysis_at": account.last_spend_at,
        },
        "balance": account.balance,
        "held": account.held,
        "available": account.available,
        "grants": [
            {
                "id": str(grant.id),
                "source": grant.source,
                "amount": grant.amount,
                "left": grant.left,
                "expires_at": grant.expires_at,
            }
            for grant in account.grants
        ],
    }
