"""Quota requests as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from bson import ObjectId
from flask_babel import gettext as _
from pydantic import Field, RootModel

from app.models.person import Person
from app.models.token_request import Status, TokenRequest
from app.routes.api.shapes import CamelShape, Id, Instant
from app.services import users


class CurrentUsage(CamelShape):
    """What the user had used when submitting."""

    token_count: int = Field(examples=[100_000])
    request_count: int = Field(examples=[37])


class ProcessedBy(CamelShape):
    """Who decided."""

    name: str


class Reviewer(ProcessedBy):
    """Who decided, for reviewers; an operator has no e-mail."""

    email: str | None


class Requester(CamelShape):
    """Who asks."""

    id: Id = Field(alias="_id")
    name: str | None
    email: str | None
    profile_picture: str | None


class _QuotaRequest(CamelShape):
    id: Id = Field(alias="_id")
    number: int = Field(examples=[42])
    status: Status
    reason: str
    requested_at: Instant
    admin_response: str | None
    processed_at: Instant | None
    current_usage: CurrentUsage


class QuotaRequest(_QuotaRequest):
    """A quota request as its owner sees it."""

    user_id: Id
    processed_by: ProcessedBy | None


class DecidedQuotaRequest(_QuotaRequest):
    """A quota request as whoever decided it sees it."""

    user_id: Id
    processed_by: Reviewer | None


class ReviewedQuotaRequest(_QuotaRequest):
    """A quota request in the list of reviewers: with who asks and who decided."""

    user_id: Requester
    processed_by: Reviewer | None


class QuotaRequests(RootModel[list[QuotaRequest]]):
    """Quota requests, newest first."""


class ReviewedQuotaRequests(RootModel[list[ReviewedQuotaRequest]]):
    """Quota requests of everybody, newest first."""


class Submitted(CamelShape):
    """A request was submitted."""

    message: str
    request: QuotaRequest


class Decided(CamelShape):
    """A request was decided."""

    message: str
    request: DecidedQuotaRequest


class CanRequest(CamelShape):
    """Whether asking is possible now, and if not, why and when again."""

    can_request: bool
    has_pending: bool
    requests_today: int
    max_requests_per_day: int
    reason_code: str | None = Field(description="pending, daily_limit, no_allowance, inactive, or null.")
    next_allowed_at: Instant | None


class QuotaTotals(CamelShape):
    """How many there are: `pending` counts those with an open question too, `total` all of the kind."""

    pending: int
    approved: int
    rejected: int
    total: int


def own(token_request: TokenRequest) -> QuotaRequest:
    """As its owner sees it."""
    decision = token_request.decision
    heard: dict[str, Any] = {"status": token_request.own_status}
    if token_request.status == Status.SPAM:
        # Every rejection has a response: without one, the owner would know this from a rejection.
        heard["admin_response"] = _("Your request was not approved.")
    return QuotaRequest(
        **_facts(token_request) | heard,
        user_id=str(token_request.user),
        processed_by=ProcessedBy(name=decision["by"]["name"]) if decision else None,
    )


def decided(token_request: TokenRequest) -> DecidedQuotaRequest:
    """As whoever decided it sees it."""
    reviewer = _reviewer(token_request, _people([token_request]))
    return DecidedQuotaRequest(**_facts(token_request), user_id=str(token_request.user), processed_by=reviewer)


def reviewed(token_requests: Iterable[TokenRequest]) -> ReviewedQuotaRequests:
    """As reviewers see them; everybody who stands in them is read at once."""
    token_requests = list(token_requests)
    people = _people(token_requests)
    return ReviewedQuotaRequests(
        [
            ReviewedQuotaRequest(**_facts(one), user_id=_requester(one, people), processed_by=_reviewer(one, people))
            for one in token_requests
        ]
    )


def _facts(token_request: TokenRequest) -> dict[str, Any]:
    decision = token_request.decision or {}
    return {
        "id": str(token_request.id),
        "number": token_request.number,
        "status": token_request.status,
        "reason": token_request.reason,
        "requested_at": token_request.submitted_at,
        "admin_response": decision.get("response") or None,
        "processed_at": decision.get("at"),
        "current_usage": CurrentUsage(**token_request.usage),
    }


def _people(token_requests: Iterable[TokenRequest]) -> dict[ObjectId, Person]:
    return users.by_ids(person for one in token_requests for person in (one.user, *_decider(one)))


def _requester(token_request: TokenRequest, people: Mapping[ObjectId, Person]) -> Requester:
    user = people.get(token_request.user)
    return Requester(
        id=str(token_request.user),
        name=user.display_name if user else None,
        email=user.email if user else None,
        profile_picture=user.picture_url if user else None,
    )


def _reviewer(token_request: TokenRequest, people: Mapping[ObjectId, Person]) -> Reviewer | None:
    if not token_request.decision:
        return None
    user = next((people[one] for one in _decider(token_request) if one in people), None)
    return Reviewer(name=token_request.decision["by"]["name"], email=user.email if user else None)


def _decider(token_request: TokenRequest) -> list[ObjectId]:
    """The user who decided; nobody where it was a key or an operator."""
    by = (token_request.decision or {}).get("by", {})
    return [ObjectId(by["id"])] if by.get("kind") == "user" else []
