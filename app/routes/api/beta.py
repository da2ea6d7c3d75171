"""`/api/beta`: asking to be let into the beta program."""

from flask import Response
from flask_login import current_user

from app import access
from app.access import owner_or
from app.routes.api import beta_shapes
from app.routes.api.frame import answer, answers, api_blueprint
from app.services import beta_requests

blueprint = api_blueprint("beta", "Beta requests")


@blueprint.post("/beta/request", responses=answers(beta_shapes.BetaSubmitted, status=201))
@owner_or()
def submit() -> Response:
    """Ask to be let in, once."""
    token_request = beta_requests.submit(current_user, by=access.actor())
    return answer(beta_shapes.BetaSubmitted(request=beta_shapes.own(token_request)), 201)


@blueprint.get("/beta/request", responses=answers(beta_shapes.Standing))
@owner_or()
def mine() -> Response:
    """Where the caller stands: none, pending, approved or rejected."""
    return answer(beta_shapes.standing(beta_requests.standing(current_user).request))
