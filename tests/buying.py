"""What the tests of billing begin with: orders, brought to any status, and what came of them."""

from collections import Counter
from typing import Any
from uuid import uuid4

from app.models.account import EntryType
from app.models.audit_event import AuditEvent
from app.models.notification import Notification
from app.models.order import Order, Status
from app.models.user import User
from app.services import ledger, order_steps, orders, stripe_payments
from tests.factories import OPERATOR, actor_of, make_user

RETURN_URL = "http://localhost/orders/1"


def make_order(user: User | None = None, *, package: str = "basic", status: Status = Status.CREATED) -> Order:
    """An order of `user`, or of somebody new; with Stripe on, its payment page is open."""
    user = user or make_user()
    order = orders.place(user, package=package, key=uuid4().hex, by=actor_of(user)).order
    order = stripe_payments.open_checkout(order, return_url=RETURN_URL)
    if status is Status.CANCELLED:
        return order_steps.cancel(order, by=OPERATOR)
    if status in (Status.PAID, Status.REFUNDED):
        order = order_steps.confirm(order, by=OPERATOR)
    return order_steps.refund(order, by=OPERATOR, reason="Why not") if status is Status.REFUNDED else order


def entries_of(order: Order) -> list[tuple[str, int]]:
    """Type and amount of each ledger entry that names this order, newest first."""
    found = ledger.history(order.user, types=(EntryType.PURCHASE, EntryType.REVOCATION), limit=1_000)
    return [(one["type"], one["amount"]) for one in found if one.get("reference", {}).get("order") == order.number]


def came_of(order: Order) -> Counter[str]:
    """How often each thing came of this order: ledger entries by type, the owner's notices by kind, events by action."""
    entries = [type_ for type_, _amount in entries_of(order)]
    notices = Notification.objects(user=order.user, key__startswith=f"order:{order.id}").scalar("kind")
    events = AuditEvent.objects(object__id=str(order.id)).scalar("action")
    return Counter([*entries, *notices, *events])


def stored(order: Order) -> dict[str, Any]:
    """The whole document as the database has it now."""
    found = Order._get_collection().find_one({"_id": order.id})
    assert found is not None
    return found
