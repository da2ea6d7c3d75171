"""Listing requests as JSON, for those who ask and for reviewers."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from app.models.token_request import ListingRequest, Status
from app.routes.api.shapes import Id, Instant, Shape
from app.services import desk, supports


class _ListingRequest(Shape):
    id: int = Field(description="Its number.", examples=[123])
    user_id: Id
    token_symbol: str = Field(examples=["MYTOKEN"])
    token_name: str = Field(examples=["My Token"])
    blockchain: str = Field(examples=["ethereum"])
    contract_address: str | None = Field(description="In its canonical form.")
    reason: str | None
    additional_info: dict[str, str] = Field(examples=[{"website": "https://example.com"}])
    decimals: int | None = Field(examples=[18])
    status: Status
    submitted_at: Instant
    reviewed_at: Instant | None
    reviewed_by: str | None = Field(description="A name.")
    response: str | None = Field(description="What the user was told.")
    created_at: Instant
    updated_at: Instant = Field(description="When its status last changed.")


class OwnListingRequest(_ListingRequest):
    """A listing request as its owner sees it."""

    supporters: int = Field(description="How many others want the same token listed.", examples=[4])


class ReviewedListingRequest(_ListingRequest):
    """A listing request as reviewers see it."""

    admin_notes: str | None = Field(description="The newest internal note.")
    version: int = Field(description="Rises with each step and each edit by the owner.", examples=[1])


class ReviewedListingRequests(Shape):
    """A page of listing requests of everybody."""

    requests: list[ReviewedListingRequest]
    total: int = Field(description="How many there are on all pages; counting stops at 10,000.", examples=[42])
    total_is_capped: bool = Field(description="Whether there are more than `total`.")
    pending_count: int = Field(description="How many wait for a decision; counting stops at 10,000.", examples=[15])


class ListingSubmitted(Shape):
    """A request was submitted."""

    success: Literal[True] = True
    message: str
    request_id: int = Field(description="Its number.", examples=[123])


class Supported(Shape):
    """The caller is among those who support a request."""

    success: Literal[True] = True
    supporters: int = Field(description="How many there are.", examples=[4])


class ListingUpdated(Shape):
    """A request was decided, reopened or given a note."""

    success: Literal[True] = True
    message: str
    request: ReviewedListingRequest


class Skipped(Shape):
    """A request that stayed as it was, and the code of the refusal."""

    id: int | str = Field(description="Its number; where there is no such request, as it was named.", examples=[3])
    reason: str = Field(examples=["already_decided"])


class BulkOutcome(Shape):
    """What became of each request."""

    success: Literal[True] = True
    message: str
    done: list[int] = Field(description="The numbers of those that were updated.", examples=[[1, 2]])
    skipped: list[Skipped]
    left: list[int] = Field(description="The numbers of those for which there was no time: the worker goes on at once.")


def own(token_request: ListingRequest) -> OwnListingRequest:
    """As its owner sees it."""
    heard = {"status": token_request.own_status}
    return OwnListingRequest(**_facts(token_request) | heard, supporters=supports.count(token_request))


def reviewed(token_request: ListingRequest) -> ReviewedListingRequest:
    """As reviewers see it."""
    notes = token_request.notes
    newest = notes[-1]["text"] if notes else None
    return ReviewedListingRequest(**_facts(token_request), admin_notes=newest, version=token_request.version)


def page(token_requests: Iterable[ListingRequest], *, total: int, pending: int) -> ReviewedListingRequests:
    """A page for reviewers; totals are counted as the desk counts."""
    most = desk.MOST_COUNTED - 1
    return ReviewedListingRequests(
        requests=[reviewed(one) for one in token_requests],
        total=min(total, most),
        total_is_capped=total > most,
        pending_count=min(pending, most),
    )


def _facts(token_request: ListingRequest) -> dict[str, Any]:
    decision = token_request.decision or {}
    return {
        "id": token_request.number,
        "user_id": str(token_request.user),
        "token_symbol": token_request.token_symbol,
        "token_name": token_request.token_name,
        "blockchain": token_request.blockchain,
        "contract_address": token_request.contract_address,
        "reason": token_request.reason,
        "additional_info": token_request.additional_info,
        "decimals": token_request.decimals,
        "status": Status(token_request.status),
        "submitted_at": token_request.submitted_at,
        "reviewed_at": decision.get("at"),
        "reviewed_by": decision["by"]["name"] if decision else None,
        "response": decision.get("response") or None,
        "created_at": token_request.submitted_at,
        "updated_at": token_request.history[-1]["at"],
    }
