"""`/api/token-requests`: what users ask for."""

from flask import Response, g
from flask_babel import gettext as _
from flask_login import current_user

from app import access
from app.access import owner_or
from app.models.api_key import SELF
from app.models.domain_error import N_, InvalidInput
from app.models.permission import Permission
from app.models.user import User
from app.routes.api import quota_shapes
from app.routes.api.frame import Body, Query, answer, answers, api_blueprint, text
from app.services import quota_requests, token_requests, users

blueprint = api_blueprint("token_requests", "Quota requests")
MINE = 10
WHOSE = (
    "For keys with `usage.write`: whose it is, an id, `external:<id>`, or a confirmed e-mail address or phone number."
)


class NewQuotaRequest(Body):
    """Why the allowance should be reset."""

    reason: str = text(
        1, quota_requests.LONGEST_REASON, "Why; trimmed.", examples=["I am preparing a talk and ran out."]
    )
    user: str | None = text(1, 254, WHOSE, default=None)


class Whose(Query):
    """Whom a question is about."""

    user: str | None = text(1, 254, WHOSE, default=None)


@blueprint.post("/token-requests", responses=answers(quota_shapes.Submitted, 404, 409, status=201))
@owner_or(Permission.USAGE_WRITE)
def submit(body: NewQuotaRequest) -> Response:
    """Ask for the allowance to be reset."""
    user = _subject(body.user)
    token_request = quota_requests.submit(user, reason=body.reason, by=access.actor())
    shape = quota_shapes.Submitted(message=_("Token request submitted"), request=quota_shapes.own(token_request))
    return answer(shape, 201)


@blueprint.get("/token-requests/my-requests", responses=answers(quota_shapes.QuotaRequests))
@owner_or()
def mine() -> Response:
    """The caller's ten newest requests."""
    found = token_requests.mine(current_user.id, kind=quota_requests.KIND, limit=MINE)
    return answer(quota_shapes.QuotaRequests([quota_shapes.own(one) for one in found]))


@blueprint.get("/token-requests/can-request", responses=answers(quota_shapes.CanRequest, 404))
@owner_or(Permission.USAGE_WRITE)
def can_request(query: Whose) -> Response:
    """Whether asking is possible now, and if not, why and when again."""
    found = quota_requests.can_submit(_subject(query.user))
    return answer(
        quota_shapes.CanRequest(
            can_request=found.can_request,
            has_pending=found.has_pending,
            requests_today=found.requests_today,
            max_requests_per_day=found.max_requests_per_day,
            reason_code=found.reason_code,
            next_allowed_at=found.next_allowed_at,
        )
    )


def _subject(reference: str | None) -> User:
    """Whose request it is: the caller's, or for a metering key the user whom it names."""
    api_key = g.get("api_key")
    may_name = api_key is not None and api_key.allows(Permission.USAGE_WRITE)
    if reference is None:
        if may_name and not api_key.allows(SELF):
            raise InvalidInput(errors={"user": [N_("This key must name a user: an id or external:<id>.")]})
        return current_user
    if not may_name:
        raise InvalidInput(errors={"user": [N_("Only a key with usage.write may name a user.")]})
    return users.resolve(reference)
