"""`/api/usage`: what the users of the host product spend; and `/api/balances`: what they have. For keys with `usage.write`."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from app import access
from app.access import requires
from app.models.domain_error import N_, InvalidInput
from app.models.permission import Permission
from app.routes.api import account_shapes, metering_shapes
from app.routes.api.account_shapes import AccountShape
from app.routes.api.frame import Body, answer, answers, api_blueprint
from app.routes.api.idempotency import DOCUMENTED, answer_once, stored_key, takes_keys
from app.routes.api.metering_shapes import Description, Metadata, Spent, Tokens
from app.routes.api.subject import TOO_FEW, UserName, told_what_to_do
from app.services import token_accounts, users

blueprint = api_blueprint("metering", "Metering")
takes_keys(blueprint)


class Usage(Body):
    """Tokens that a user has used."""

    user: UserName
    tokens: Tokens
    description: Description = ""
    metadata: Metadata | None = None


class OneUser(BaseModel):
    """A user; not by e-mail, since addresses of pages end up in logs."""

    user: Annotated[str, Field(description="An id, or `external:<id>`.", examples=["external:u-17"])]


@blueprint.post("/usage", responses=answers(Spent, 404, 409) | TOO_FEW, openapi_extensions=DOCUMENTED)
@requires(Permission.USAGE_WRITE)
def usage(body: Usage) -> Response:
    """Take tokens from a user, all or nothing."""
    user_id = users.resolve_id(body.user)
    with told_what_to_do(user_id):
        outcome = token_accounts.spend(
            user_id,
            body.tokens,
            by=access.actor(),
            key=stored_key(),
            description=body.description,
            metadata=body.metadata,
        )
    return answer_once(outcome, metering_shapes.spent(outcome))


@blueprint.get("/balances/<user>", responses=answers(AccountShape, 404))
@requires(Permission.USAGE_WRITE)
def balance(path: OneUser) -> Response:
    """What a user has: the allowance, the grants, and what of it is available."""
    if "@" in path.user:
        raise InvalidInput(errors={"user": [N_("Name the user by id or external:<id> here, not by e-mail.")]})
    return answer(account_shapes.snake(token_accounts.view(users.resolve_id(path.user))))
