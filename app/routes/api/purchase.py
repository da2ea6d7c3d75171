"""`/api/user/tokens` and `/api/tokens/purchase`: what the user of a phone number has, and buying more."""

from typing import Annotated

from flask import Response
from flask_login import current_user
from pydantic import BaseModel, Field

from app import access
from app.access import owner_or
from app.models.permission import Permission
from app.public_url import public_url
from app.routes.api import purchase_shapes
from app.routes.api.frame import Body, JsonInt, answer, answers, api_blueprint, text
from app.routes.api.idempotency import DOCUMENTED, REPLAY, stored_key, takes_keys
from app.routes.api.phone import LONGEST, PHONE, WHOSE, digits, named, subject
from app.routes.api.purchase_shapes import Purchased, TokensShape
from app.services import orders, stripe_payments, token_accounts

blueprint = api_blueprint("purchase", "Tokens and purchase")
takes_keys(blueprint)


class OnePhone(BaseModel):
    """A user, by phone number."""

    phone: Annotated[str, Field(description=PHONE, examples=["79991234567"])]


class Purchase(Body):
    """The package to be ordered; what else is said of it must be so."""

    package: str = Field(description="Its name in the settings.", examples=["basic"])
    phone: str | None = text(1, LONGEST, WHOSE, default=None)
    tokens: JsonInt | None = Field(None, description="What the package brings.", examples=[50_000])
    amount: JsonInt | None = Field(None, description="What it costs, in whole units.", examples=[149])


@blueprint.get("/user/tokens/<path:phone>", responses=answers(TokensShape, 404))
@owner_or(Permission.USERS_READ)
def tokens(path: OnePhone) -> Response:
    """How many tokens the user with this phone number can spend."""
    user = named(path.phone, may_name_others=current_user.has(Permission.USERS_READ))
    return answer(TokensShape(tokens=token_accounts.view(user.id).available, phone=digits(user.phone)))


@blueprint.post("/tokens/purchase", responses=answers(Purchased, 404, 409, status=201), openapi_extensions=DOCUMENTED)
@owner_or(Permission.USAGE_WRITE)
def purchase(body: Purchase) -> Response:
    """Order a package; its tokens come with the payment."""
    user = subject(body.phone, "phone")
    placed = orders.place(
        user, package=body.package, tokens=body.tokens, amount=body.amount, key=stored_key(), by=access.actor()
    )
    return_url = public_url("orders.show", number=placed.order.number)
    order = stripe_payments.open_checkout(placed.order, return_url=return_url)
    available = token_accounts.view(user.id).available
    response = answer(Purchased(new_balance=available, order=purchase_shapes.of(order)), 201)
    if placed.replayed:
        response.headers[REPLAY] = "true"
    return response
