"""`/api/admin/token-requests`: quota requests, for reviewers."""

from collections.abc import Callable
from typing import Annotated

from flask import Response, url_for
from flask_babel import gettext as _
from pydantic import BaseModel, Field

from app import access
from app.access import requires
from app.models.domain_error import AlreadyDecided, AlreadyProcessed
from app.models.permission import Permission
from app.models.token_request import Status, TokenRequest
from app.routes.api import quota_shapes
from app.routes.api.frame import CamelBody, Query, QueryInt, answer, answers, api_blueprint, fields, text
from app.services import desk, quota_requests, request_statistics, review, token_requests

blueprint = api_blueprint("admin_token_requests", "Quota requests, for reviewers")
KIND = quota_requests.KIND
MOST = 200


class Chosen(Query):
    """Which requests, and which page of them."""

    status: Status | None = None
    limit: Annotated[QueryInt, Field(ge=1, le=MOST)] = 50
    cursor: Annotated[QueryInt, Field(description="As the `Link` of the page before gave it.")] | None = None


class OneRequest(BaseModel):
    """A request by its number or its id."""

    reference: Annotated[str, Field(description="The request's number or `_id`.", examples=["42"])]


class Approval(CamelBody):
    """What goes with an approval."""

    admin_response: str | None = text(0, review.LONGEST_RESPONSE, "A message to the user.", default=None)


class Rejection(CamelBody):
    """Why not."""

    admin_response: str = text(
        1, review.LONGEST_RESPONSE, "What the user is told.", examples=["Please wait for Monday."]
    )


@blueprint.get("/admin/token-requests", responses=answers(quota_shapes.ReviewedQuotaRequests))
@requires(Permission.REQUESTS_REVIEW)
def chosen(query: Chosen) -> Response:
    """Quota requests, newest first: `Link` leads to the next page, `X-Total-Count` counts up to 10,001."""
    filters = desk.Filters(kinds=[KIND], statuses=[query.status] if query.status else ())
    found = desk.page(filters, before=query.cursor, limit=query.limit + 1)
    shown = found[: query.limit]
    response = answer(quota_shapes.reviewed(shown))
    response.headers["X-Total-Count"] = str(desk.count(filters))
    if len(found) > query.limit:
        place = {"status": query.status, "limit": query.limit, "cursor": shown[-1].number}
        response.headers["Link"] = f'<{url_for(".chosen", _external=True, **place)}>; rel="next"'
    return response


@blueprint.put("/admin/token-requests/<reference>/approve", responses=answers(quota_shapes.Decided, 404, 409))
@requires(Permission.REQUESTS_REVIEW)
def approve(path: OneRequest, body: Approval) -> Response:
    """Reset the user's allowance."""
    message = _("Request approved and user limits reset")
    return _decide(path, review.approve, body.admin_response or "", message)


@blueprint.put("/admin/token-requests/<reference>/reject", responses=answers(quota_shapes.Decided, 404, 409))
@requires(Permission.REQUESTS_REVIEW)
def reject(path: OneRequest, body: Rejection) -> Response:
    """Refuse, and say why."""
    return _decide(path, review.reject, body.admin_response, _("Request rejected"))


@blueprint.get("/admin/token-requests/stats", responses=answers(quota_shapes.QuotaTotals))
@requires(Permission.REQUESTS_REVIEW)
def stats() -> Response:
    """How many quota requests there are, by what became of them."""
    found = request_statistics.totals(KIND)
    open_ = found[Status.PENDING] + found[Status.NEEDS_INFO]
    return answer(
        quota_shapes.QuotaTotals(
            pending=open_, approved=found[Status.APPROVED], rejected=found[Status.REJECTED], total=found.total()
        )
    )


def _decide(path: OneRequest, decide: Callable[..., TokenRequest], response: str, message: str) -> Response:
    token_request = token_requests.find(path.reference, kind=KIND)
    try:
        with fields(response="adminResponse"):
            token_request = decide(token_request, by=access.actor(), response=response)
    except AlreadyDecided as error:
        # These clients know it as 400, not as 409.
        raise AlreadyProcessed(**error.values) from None
    return answer(quota_shapes.Decided(message=message, request=quota_shapes.decided(token_request)))
