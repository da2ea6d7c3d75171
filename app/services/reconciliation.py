"""Asks the payment service what became of orders, for what it told and nobody heard; and finishes what is stuck."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from app.models.domain_error import DomainError
from app.models.order import Order, Provider, Status
from app.services import due, orders, stripe_events, stripe_payments


@dataclass(frozen=True, slots=True)
class Looked:
    """An order that was looked at, and the status that it had before; `failure` says why nobody could tell, or do it.

    `finished` says that what an earlier step brings was still to be done, and now is.
    """

    order: Order
    before: str
    failure: str = ""
    finished: bool = False

    @property
    def has_changed(self) -> bool:
        """Whether something was found out, or done."""
        return self.finished or self.order.status != self.before


def count(since: datetime) -> int:
    """How many orders `reconcile` looks at."""
    return int(Order._get_collection().count_documents(_in_question(since))) + len(_unfinished())


def reconcile(since: datetime) -> Iterator[Looked]:
    """Looks at Stripe's orders made since then that could still change, and does what is still due on any order.

    What was found out is done as if Stripe had told of it: once, whoever asks how often.
    """
    for order_id in _unfinished():
        done = due.retry_failed(Order, order_id)
        order = orders.by_id(order_id)
        why = "; ".join(item.get("failed", item["verb"]) for item in order.due)
        yield Looked(order, order.status, failure=why, finished=done)
    found = Order._get_collection().find(_in_question(since), {"_id": 1}).sort("created_at", 1)
    for order_id in [one["_id"] for one in found]:
        order = orders.by_id(order_id)
        try:
            yield look_at(order)
        except DomainError as error:
            yield Looked(order, order.status, failure=str(error))


def look_at(order: Order) -> Looked:
    """Asks Stripe what became of one order, and does what follows; raises what keeps it from that."""
    if order.provider == Provider.STRIPE and order.checkout and order.status != Status.REFUNDED:
        _learn(stripe_payments.look_up(order))
    return Looked(orders.by_id(order.id), order.status)


def _learn(session: dict[str, Any]) -> None:
    """Does what the page's events would have done."""
    event = f"reconcile:{session['id']}"
    stripe_events.page_paid(session, event)
    if session.get("status") == "expired":
        stripe_events.page_closed(session, event)
    charge = (session.get("payment_intent") or {}).get("latest_charge") or {}
    if charge.get("amount_refunded"):
        stripe_events.charge_refunded(charge, event)


def _in_question(since: datetime) -> dict[str, Any]:
    open_ = [str(one) for one in Status if one is not Status.REFUNDED]
    where = {"provider": Provider.STRIPE.value, "created_at": {"$gte": since}}
    return {**where, "status": {"$in": open_}, "checkout": {"$ne": None}}


def _unfinished() -> list[ObjectId]:
    return list(Order.objects.unfinished().scalar("id"))
