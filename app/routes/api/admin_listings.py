"""`/api/admin/listing-requests`: listing requests, for reviewers."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from flask import Response, url_for
from flask_babel import gettext as _
from pydantic import BaseModel, Field

from app import access
from app.access import requires
from app.models.domain_error import N_, InvalidInput
from app.models.permission import Permission
from app.models.token_request import ListingRequest, Status
from app.routes.api import listing_shapes, reviewing
from app.routes.api.frame import Body, JsonInt, Query, QueryInt, answer, answers, api_blueprint, fields, text
from app.services import desk, listing_pages, listing_requests, review, token_requests

blueprint = api_blueprint("admin_listings", "Listing requests, for reviewers")


class OneListingRequest(BaseModel):
    """A listing request by its number or its id."""

    reference: Annotated[str, Field(description="The request's number or its id.", examples=["123"])]


class ChosenListings(Query):
    """Which requests, in which order, and which page of them."""

    status: Status | None = None
    q: str | None = Field(None, description="What a symbol or a word of a name begins with.", examples=["my"])
    sort: Literal["-submitted_at", "submitted_at"] = "-submitted_at"
    limit: Annotated[QueryInt, Field(ge=1, le=reviewing.MOST)] = 50
    offset: Annotated[QueryInt, Field(ge=0, description="Up to 10,000; beyond that, go on by `cursor`.")] = 0
    cursor: Annotated[QueryInt, Field(description="As the `Link` of the page before gave it.")] | None = None


class NewStatus(StrEnum):
    """What a reviewer makes of a request; pending reopens it."""

    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"
    PENDING = "pending"


class Update(Body):
    """What becomes of a request, with an internal note; or the note alone."""

    status: Annotated[NewStatus, Field(strict=False)] | None = None
    admin_notes: str | None = text(0, review.LONGEST_NOTE, "Kept with the request; reopening needs it.", default=None)
    response: str | None = text(
        0, review.LONGEST_RESPONSE, "What the user is told, of an approval or a rejection.", default=None
    )
    version: JsonInt | None = Field(None, description="As it was read: what was edited since is not decided unseen.")


@blueprint.get("/admin/listing-requests", responses=answers(listing_shapes.ReviewedListingRequests))
@requires(Permission.REQUESTS_REVIEW)
def chosen(query: ChosenListings) -> Response:
    """Listing requests, newest first unless asked otherwise; `Link` leads to the next page, however deep."""
    filters, oldest_first = listing_pages.filters(query.status, query.q or ""), query.sort == "submitted_at"
    found = listing_pages.page(
        filters, oldest_first=oldest_first, cursor=query.cursor, offset=query.offset, limit=query.limit + 1
    )
    shown, pending = found[: query.limit], desk.count(listing_pages.filters(Status.PENDING))
    response = answer(listing_shapes.page(shown, total=desk.count(filters), pending=pending))
    if len(found) > query.limit:
        onwards = {**query.model_dump(exclude={"offset"}), "cursor": shown[-1].number}
        response.headers["Link"] = f'<{url_for(".chosen", _external=True, **onwards)}>; rel="next"'
    return response


@blueprint.put("/admin/listing-requests/<reference>", responses=answers(listing_shapes.ListingUpdated, 404, 409))
@requires(Permission.REQUESTS_REVIEW)
def update(path: OneListingRequest, body: Update) -> Response:
    """Decide a request, reopen it, or keep a note with it."""
    token_request = token_requests.find(path.reference, kind=listing_requests.KIND)
    with fields(note="admin_notes"):
        token_request = _updated(token_request, body)
    shape = listing_shapes.ListingUpdated(
        message=_("Token request updated"), request=listing_shapes.reviewed(token_request)
    )
    return answer(shape)


def _updated(token_request: ListingRequest, body: Update) -> ListingRequest:
    by, note, response = access.actor(), body.admin_notes or "", body.response or ""
    seen: dict[str, Any] = {"by": by, "version": body.version}
    if response and body.status not in (NewStatus.APPROVED, NewStatus.REJECTED):
        raise InvalidInput(errors={"response": [N_("The user is told something only of an approval or a rejection.")]})
    match body.status:
        case NewStatus.APPROVED:
            return review.approve(token_request, **seen, response=response, note=note)
        case NewStatus.REJECTED:
            return review.reject(token_request, **seen, response=response, note=note)
        case NewStatus.SPAM:
            return review.mark_spam(token_request, **seen, note=note)
        case NewStatus.PENDING:
            return review.reopen(token_request, **seen, note=note)
    if body.admin_notes is None:
        raise InvalidInput(errors={"status": [N_("Give a status, admin_notes, or both.")]})
    return review.add_note(token_request, by=by, text=note)
