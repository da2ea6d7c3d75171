"""`/api/admin/gallery-users/quota-statistics`: what all accounts come to, for the host product's admins."""

from flask import Response
from pydantic import Field

from app.access import requires
from app.models.permission import Permission
from app.routes.api.frame import answer, answers, api_blueprint
from app.routes.api.shapes import CamelShape, Id, Instant
from app.services import statistics

blueprint = api_blueprint("quota_statistics", "Quota statistics")


class Totals(CamelShape):
    """Everything that was ever used."""

    total_tokens_used: int = Field(examples=[45_000_000])
    total_analyses: int = Field(examples=[1_800])
    average_tokens_per_analysis: int = Field(examples=[25_000])


class Tier(CamelShape):
    """One tier: tokens ever used; the average and the count are of the current period."""

    users: int = Field(
        description="All users of the tier, also those who have not used anything yet.", examples=[1_350]
    )
    total_tokens_used: int = Field(examples=[25_000_000])
    average_usage_percent: float = Field(examples=[45.5])
    quota_exceeded_count: int = Field(description="How many have used their whole allowance.", examples=[120])


class TopUser(CamelShape):
    """Somebody who has used much in the current period."""

    user_id: Id
    username: str = Field(examples=["power_user"])
    tier: str = Field(examples=["pro"])
    tokens_used: int = Field(examples=[380_000])
    analysis_count: int = Field(examples=[15])


class Figures(CamelShape):
    """What all accounts came to at `takenAt`."""

    overview: Totals
    by_tier: dict[str, Tier]
    top_users: list[TopUser] = Field(description="At most ten, the most used first.")
    taken_at: Instant


class QuotaStatistics(CamelShape):
    """The figures as they were last taken."""

    success: bool = True
    data: Figures


@blueprint.get("/admin/gallery-users/quota-statistics", responses=answers(QuotaStatistics))
@requires(Permission.USERS_READ)
def quota_statistics() -> Response:
    """What all accounts come to; taken every minute or, with very many accounts, more seldom. 503 before the first time."""
    found = statistics.overview()
    totals = Totals(
        total_tokens_used=found.tokens, total_analyses=found.calls, average_tokens_per_analysis=found.average
    )
    by_tier = {
        tier.name: Tier(
            users=tier.users,
            total_tokens_used=tier.tokens,
            average_usage_percent=tier.average_percent,
            quota_exceeded_count=tier.exceeded,
        )
        for tier in found.tiers
    }
    top = [
        TopUser(user_id=str(one.id), username=one.name, tier=one.tier, tokens_used=one.used, analysis_count=one.calls)
        for one in found.top
    ]
    figures = Figures(overview=totals, by_tier=by_tier, top_users=top, taken_at=found.taken_at)
    return answer(QuotaStatistics(data=figures))
