"""Tokens and orders as the clients that buy them know them."""

from typing import Annotated

from pydantic import Field

from app import clock
from app.models.order import Order, Status
from app.routes.api.shapes import Id, Shape, one_of


class TokensShape(Shape):
    """What a user has; `tokens` is what can be spent."""

    tokens: int = Field(examples=[49_850])
    phone: str = Field(examples=["79991234567"])


class OrderShape(Shape):
    """An order. `checkout_url` is where it is paid; null where somebody confirms the payment by hand, or nothing is to pay."""

    id: Id
    number: int = Field(examples=[7])
    package: str = Field(examples=["basic"])
    tokens: int = Field(examples=[50_000])
    amount: int = Field(examples=[149], description="In whole units of the currency.")
    currency: str = Field(examples=["RUB"])
    status: Annotated[Status, one_of(Status)]
    checkout_url: str | None


class Purchased(Shape):
    """An order was placed; `new_balance` is what can be spent now, in tokens: nothing is credited before the payment."""

    new_balance: int = Field(examples=[49_850])
    order: OrderShape


def of(order: Order) -> OrderShape:
    """As its owner sees it."""
    return OrderShape(
        id=str(order.id),
        number=order.number,
        package=order.package,
        tokens=order.tokens,
        amount=order.amount,
        currency=order.currency,
        status=Status(order.status),
        checkout_url=order.checkout_url(clock.now()),
    )
