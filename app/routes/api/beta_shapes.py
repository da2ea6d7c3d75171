"""Beta requests as JSON."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, RootModel

from app.models.token_request import BetaRequest, Status
from app.routes.api.shapes import Id, Instant, Shape
from app.services import users

# What the owner is told of each status as they hear it. A request that was withdrawn or expired is as none.
TOLD = {
    Status.PENDING: "pending",
    Status.NEEDS_INFO: "pending",
    Status.APPROVED: "approved",
    Status.REJECTED: "rejected",
    Status.REVOKED: "rejected",
}


class _BetaRequest(Shape):
    id: Id
    user_id: Id
    email: str
    credits_granted: int | None = Field(examples=[100])
    created_at: Instant
    updated_at: Instant
    approved_at: Instant | None
    approved_by: str | None = Field(description="A name.")


class BetaRequestShape(_BetaRequest):
    """A beta request as its owner sees it."""

    status: Literal["pending", "approved", "rejected", "withdrawn", "expired"]


class DecidedBetaRequest(_BetaRequest):
    """A beta request as whoever decided it sees it."""

    status: Status


class BetaRequester(Shape):
    """Who asks."""

    id: Id
    name: str | None
    email: str | None
    picture: str | None


class ReviewedBetaRequest(DecidedBetaRequest):
    """A beta request in the list of reviewers, with who asks."""

    user: BetaRequester


class ReviewedBetaRequests(RootModel[list[ReviewedBetaRequest]]):
    """Beta requests of everybody, newest first."""


class BetaSubmitted(Shape):
    """A request was submitted."""

    success: Literal[True] = True
    request: BetaRequestShape


class Standing(Shape):
    """Where the caller stands: `none` has not asked, or withdrew the request, or let it expire."""

    status: Literal["none", "pending", "approved", "rejected"]
    request: BetaRequestShape | None


class Rejected(Shape):
    """A request was rejected."""

    success: Literal[True] = True
    message: str
    request: DecidedBetaRequest


class Approved(Rejected):
    """A request was approved; `new_balance` in tokens."""

    new_balance: int = Field(examples=[150_100])


def own(token_request: BetaRequest) -> BetaRequestShape:
    """As its owner sees it."""
    status = token_request.own_status
    return BetaRequestShape(**_facts(token_request), status=TOLD.get(status, status.value))


def standing(counts: BetaRequest | None) -> Standing:
    """Where the user stands of whose requests this is the one that counts."""
    if counts is None or counts.own_status not in TOLD:
        return Standing(status="none", request=None)
    request = own(counts)
    return Standing(status=request.status, request=request)


def decided(token_request: BetaRequest) -> DecidedBetaRequest:
    """As whoever decided it sees it."""
    return DecidedBetaRequest(**_facts(token_request), status=Status(token_request.status))


def reviewed(token_requests: Iterable[BetaRequest]) -> ReviewedBetaRequests:
    """As reviewers see them; everybody who asks is read at once."""
    token_requests = list(token_requests)
    people = users.by_ids(one.user for one in token_requests)
    shapes = []
    for one in token_requests:
        person = people.get(one.user)
        requester = BetaRequester(
            id=str(one.user),
            name=person.display_name if person else None,
            email=person.email if person else None,
            picture=person.picture_url if person else None,
        )
        shapes.append(ReviewedBetaRequest(**_facts(one), status=Status(one.status), user=requester))
    return ReviewedBetaRequests(shapes)


def _facts(token_request: BetaRequest) -> dict[str, Any]:
    approval = token_request.decision if token_request.status == Status.APPROVED else None
    return {
        "id": str(token_request.id),
        "user_id": str(token_request.user),
        "email": token_request.email,
        "credits_granted": approval["granted"] if approval else None,
        "created_at": token_request.submitted_at,
        "updated_at": token_request.history[-1]["at"],
        "approved_at": approval["at"] if approval else None,
        "approved_by": approval["by"]["name"] if approval else None,
    }
