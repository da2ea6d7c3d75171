"""Placing and finding orders; `order_steps.py` is about what becomes of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError

from app import clock, db
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, KeyReused, NotFound, TooManyOrders, UserInactive
from app.models.due_item import due_item
from app.models.object_id import object_id
from app.models.order import Order, Provider, Status
from app.models.package import Package
from app.models.user import User
from app.services import audit, due, numbers, packages

# Nobody has more to pay at once. Some at the same moment may be one or two over it, which does no harm.
MOST_OPEN = 20
_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Placed:
    """An order, and whether the same call had placed it before."""

    order: Order
    replayed: bool


def place(
    user: User, *, package: str, key: str, by: Actor, tokens: int | None = None, amount: int | None = None
) -> Placed:
    """Orders the package for `user` at its present price; nothing is credited before it is paid.

    The same `key` again gives the same order, whatever the package costs by now. `tokens` and `amount` are what the caller
    takes the package for. Raises `InvalidInput`, `KeyReused`, `UserInactive`, `TooManyOrders`.
    """
    if not user.active:
        raise UserInactive
    stored_key, wanted = f"{user.id}:{key}", (package, tokens, amount)
    if earlier := Order.objects(key=stored_key).first():
        return _again(earlier, *wanted)
    chosen = packages.named(package, tokens=tokens, amount=amount)
    if Order.objects(user=user.id, status=Status.CREATED).count() >= MOST_OPEN:
        raise TooManyOrders(most=MOST_OPEN)
    order = _new(user, chosen, stored_key, by)
    order.validate()
    try:
        Order._get_collection().insert_one(order.to_mongo().to_dict())
    except DuplicateKeyError:
        # The same call, at the same moment; its number stays unused.
        return _again(Order.objects(key=stored_key).get(), *wanted)
    due.perform(Order, order.id)
    return Placed(order, replayed=False)


def _again(earlier: Order, package: str, tokens: int | None, amount: int | None) -> Placed:
    """The order that this key has made; raises `KeyReused` where it was for something else."""
    differs = earlier.package != package or tokens not in (None, earlier.tokens)
    if differs or amount not in (None, earlier.amount):
        raise KeyReused
    db.wait_for_majority()
    return Placed(earlier, replayed=True)


def _new(user: User, package: Package, key: str, by: Actor) -> Order:
    at = clock.now()
    order = Order(
        id=ObjectId(),
        number=numbers.next_number("orders"),
        user=user.id,
        key=key,
        package=package.name,
        tokens=package.tokens,
        price_minor=package.price_minor,
        currency=package.currency,
        provider=current_app.config["PAYMENT_PROVIDER"],
        status=Status.CREATED,
        created_at=at,
        history=[{"from_status": None, "to_status": Status.CREATED.value, "by": by.stamp(), "at": at, "note": ""}],
    )
    if by.kind != "user":
        after = {"package": order.package, "tokens": order.tokens, "price_minor": order.price_minor}
        order.due.append(audit_item(order, Action.ORDER_CREATE, Status.CREATED, by=by, after=after))
    if order.provider == Provider.MANUAL:
        order.due.append(_waiting(order, user))
    return order


def _waiting(order: Order, user: User) -> dict[str, Any]:
    """What is due with an order that somebody has to confirm: those who can hear of it."""
    return due_item(
        # One an hour for each buyer: who orders and cancels in turn fills nobody's list.
        waiting_key(user.id, order.created_at),
        "notify.billing",
        at=order.created_at,
        kind="order_waiting",
        values={"number": order.number, "name": user.display_name},
        url=f"/admin/orders/{order.number}",
        except_user=user.id,
    )


def waiting_key(user_id: ObjectId, at: datetime) -> str:
    """The key under which those who manage billing hear of what the user orders in that hour."""
    return f"order_waiting:{user_id}:{at:%Y-%m-%dT%H}"


def audit_item(order: Order, action: Action, to: Status, *, by: Actor, **changes: Any) -> dict[str, Any]:
    """What is due with a step of an order: the event that says who took it."""
    object_ = {"kind": "order", "id": str(order.id), "number": order.number}
    return audit.item(order.key_of(to), action, by=by, changed=object_, **changes)


def by_id(order_id: ObjectId) -> Order:
    """The order with this id."""
    return _found(Order.objects(id=order_id).first())


def by_number(number: int) -> Order:
    """The order that people call #`number`."""
    return _found(Order.objects(number=number).first())


def find(reference: str) -> Order:
    """The order that a number or an id names."""
    if _NUMBER.fullmatch(reference):
        return by_number(int(reference))
    known = object_id(reference)
    return _found(Order.objects(id=known).first() if known else None)


def own(user_id: ObjectId, number: int) -> Order:
    """A user's own order; somebody else's is not found."""
    return _found(Order.objects(number=number, user=user_id).first())


def mine(user_id: ObjectId, *, before: int | None = None, limit: int = 50) -> list[Order]:
    """A user's orders, newest first; `before` is the number of the last one on the page before this one."""
    found = Order.objects.of(user_id).newest_first()
    return list((found.filter(number__lt=before) if before else found).limit(limit))


def named_by(metadata: Any) -> Order | None:
    """The order that the payment service was given the name of, with what it keeps for us; None for what is not ours."""
    known = object_id(str(metadata.get("order"))) if isinstance(metadata, Mapping) else None
    return Order.objects(id=known).first() if known else None


def stuck(limit: int = 50) -> list[Order]:
    """The newest orders of which something that follows could not be done."""
    return list(Order.objects.stuck().newest_first().limit(limit))


def _found(order: Order | None) -> Order:
    if order is None:
        raise NotFound(N_("Order not found"))
    return order
