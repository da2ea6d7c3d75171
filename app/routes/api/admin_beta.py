"""`/api/admin/beta-…`: beta requests, for reviewers."""

from typing import Annotated

from flask import Response
from flask_babel import gettext as _
from pydantic import Field

from app import access
from app.access import requires
from app.models.permission import Permission
from app.models.token_request import BetaRequest
from app.routes.api import beta_shapes, reviewing
from app.routes.api.frame import CamelBody, JsonInt, JsonReference, answer, answers, api_blueprint, text
from app.services import beta_requests, request_kinds, review, token_accounts, token_requests

blueprint = api_blueprint("admin_beta", "Beta requests, for reviewers")
KIND = beta_requests.KIND
CREDITS = request_kinds.GRANTS[KIND]
WHICH = "The request's number or its id."


class BetaApproval(CamelBody):
    """Whom to let in, and with how many tokens."""

    request_id: JsonReference = Field(description=WHICH, examples=[7])
    credits_to_grant: Annotated[JsonInt, Field(ge=CREDITS.least, le=CREDITS.most)] = CREDITS.default


class BetaRejection(CamelBody):
    """Whom not to let in, and why."""

    request_id: JsonReference = Field(description=WHICH, examples=[7])
    reason: str | None = text(0, review.LONGEST_RESPONSE, "What the user is told.", default=None)


@blueprint.get("/admin/beta-requests", responses=answers(beta_shapes.ReviewedBetaRequests))
@requires(Permission.REQUESTS_REVIEW)
def chosen(query: reviewing.Chosen) -> Response:
    """Beta requests, newest first: `Link` leads to the next page, `X-Total-Count` counts up to 10,001."""
    return reviewing.page(KIND, query, beta_shapes.reviewed)


@blueprint.post("/admin/beta-approve", responses=answers(beta_shapes.Approved, 404, 409))
@requires(Permission.REQUESTS_REVIEW)
def approve(body: BetaApproval) -> Response:
    """Let the user in, and grant tokens that do not expire."""
    token_request = _found(body.request_id)
    with reviewing.deciding():
        token_request = review.approve(token_request, by=access.actor(), granted=body.credits_to_grant)
    return answer(
        beta_shapes.Approved(
            message=_("Request approved"),
            request=beta_shapes.decided(token_request),
            new_balance=token_accounts.view(token_request.user).balance,
        )
    )


@blueprint.post("/admin/beta-reject", responses=answers(beta_shapes.Rejected, 404, 409))
@requires(Permission.REQUESTS_REVIEW)
def reject(body: BetaRejection) -> Response:
    """Refuse, and where that helps, say why."""
    token_request = _found(body.request_id)
    with reviewing.deciding(response="reason"):
        token_request = review.reject(token_request, by=access.actor(), response=body.reason or "")
    return answer(beta_shapes.Rejected(message=_("Request rejected"), request=beta_shapes.decided(token_request)))


def _found(reference: str) -> BetaRequest:
    return token_requests.find(reference, kind=KIND)
