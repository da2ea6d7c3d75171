"""`/api/holds`: tokens set aside before it is known how many are used. For keys with `usage.write`."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from app import access
from app.access import requires
from app.models.permission import Permission
from app.routes.api import metering_shapes
from app.routes.api.frame import Body, answers, api_blueprint
from app.routes.api.idempotency import DOCUMENTED, answer_once, stored_key, takes_keys
from app.routes.api.metering_shapes import (
    Description,
    Held,
    Metadata,
    Remaining,
    Seconds,
    Settled,
    SettledTokens,
    Tokens,
)
from app.routes.api.subject import TOO_FEW, UserName, told_what_to_do
from app.services import token_accounts, users
from app.services.token_accounts import DEFAULT_TTL

blueprint = api_blueprint("holds", "Metering")
takes_keys(blueprint)


class NewHold(Body):
    """Tokens to set aside."""

    user: UserName
    tokens: Tokens
    ttl_seconds: Seconds = DEFAULT_TTL


class Settlement(Body):
    """What was used."""

    tokens: SettledTokens
    description: Description = ""
    metadata: Metadata | None = None


class OneHold(BaseModel):
    """A hold."""

    hold_id: Annotated[str, Field(description="As `POST /holds` answered it.")]


@blueprint.post("/holds", responses=answers(Held, 404, 409, status=201) | TOO_FEW, openapi_extensions=DOCUMENTED)
@requires(Permission.USAGE_WRITE)
def hold(body: NewHold) -> Response:
    """Keep tokens from being spent otherwise, for a while."""
    user_id = users.resolve_id(body.user)
    with told_what_to_do(user_id):
        outcome = token_accounts.hold(user_id, body.tokens, ttl=body.ttl_seconds, by=access.actor(), key=stored_key())
    return answer_once(outcome, metering_shapes.held(outcome), 201)


@blueprint.post("/holds/<hold_id>/settle", responses=answers(Settled, 404, 409))
@requires(Permission.USAGE_WRITE)
def settle(path: OneHold, body: Settlement) -> Response:
    """Close a hold and take what was used."""
    outcome = token_accounts.settle(
        path.hold_id, body.tokens, by=access.actor(), description=body.description, metadata=body.metadata
    )
    return answer_once(outcome, metering_shapes.settled(outcome))


@blueprint.delete("/holds/<hold_id>", responses=answers(Remaining, 404, 409))
@requires(Permission.USAGE_WRITE)
def release(path: OneHold) -> Response:
    """Close a hold and take nothing."""
    outcome = token_accounts.release(path.hold_id, by=access.actor())
    return answer_once(outcome, metering_shapes.remaining(outcome))
