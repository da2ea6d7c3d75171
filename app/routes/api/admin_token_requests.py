"""`/api/admin/token-requests`: quota requests, for reviewers."""

from collections.abc import Callable
from typing import Annotated

from flask import Response
from flask_babel import gettext as _
from pydantic import BaseModel, Field

from app import access
from app.access import requires
from app.models.permission import Permission
from app.models.token_request import Status, TokenRequest
from app.routes.api import quota_shapes, reviewing
from app.routes.api.frame import CamelBody, answer, answers, api_blueprint, text
from app.services import quota_requests, request_statistics, review, token_requests

blueprint = api_blueprint("admin_token_requests", "Quota requests, for reviewers")
KIND = quota_requests.KIND


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
def chosen(query: reviewing.Chosen) -> Response:
    """Quota requests, newest first: `Link` leads to the next page, `X-Total-Count` counts up to 10,001."""
    return reviewing.page(KIND, query, quota_shapes.reviewed)


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
    with reviewing.deciding(response="adminResponse"):
        token_request = decide(token_request, by=access.actor(), response=response)
    return answer(quota_shapes.Decided(message=message, request=quota_shapes.decided(token_request)))
