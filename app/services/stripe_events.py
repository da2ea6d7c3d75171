"""What Stripe tells of orders. It may tell everything more than once, and in any order; who it is, its signature proves."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import current_app

from app import clock
from app.models.domain_error import BadSignature, NotFound
from app.models.due_item import due_item
from app.models.order import Order, Provider
from app.services import due, order_steps, orders

log = logging.getLogger(__name__)

# A signature that is older is somebody's copy; Stripe signs anew whenever it tells something again.
SECONDS_OF_A_SIGNATURE = 300

Facts = Mapping[str, Any]


def receive(payload: bytes, signature: str | None) -> None:
    """Takes one event, as it was sent, with its signature.

    What concerns no order of ours is left alone. Raises `BadSignature`, and `NotFound` where no secret is set.
    """
    secret = current_app.config["STRIPE_WEBHOOK_SECRET"]
    if not secret.strip():
        # Anybody can sign with nothing.
        raise NotFound
    event = _verified(payload, signature, secret)
    told = event.get("data")
    about = told.get("object") if isinstance(told, Mapping) else None
    if (take := EVENTS.get(str(event.get("type")))) and isinstance(about, Mapping):
        take(about, str(event.get("id")))


def _verified(payload: bytes, signature: str | None, secret: str) -> Facts:
    from stripe import SignatureVerificationError, WebhookSignature  # noqa: PLC0415

    try:
        WebhookSignature.verify_header(payload, signature, secret, SECONDS_OF_A_SIGNATURE)
        event = json.loads(payload)
    except (SignatureVerificationError, ValueError, TypeError):
        # A TypeError: signatures are compared in ASCII, and the header may hold anything.
        raise BadSignature from None
    if not isinstance(event, dict):
        raise BadSignature
    return event


def page_paid(session: Facts, event: str) -> None:
    """A payment page is done with: its order is paid, if the money is there, and is what the order says."""
    order = _order_of_page(session, event)
    if order is None or session.get("payment_status") != "paid":
        return  # Some ways of paying take days, and are told of by another event.
    if what := _what_differs(order, session):
        _note(order, event, what, session.get("amount_total"), session.get("currency"))
    else:
        payment = session.get("payment_intent")
        # Where it was asked for it comes as a whole.
        order_steps.paid(order, payment=payment.get("id") if isinstance(payment, Mapping) else payment)


def page_closed(session: Facts, event: str) -> None:
    """A payment page takes no payment any more, or one that was on its way did not come."""
    if order := _order_of_page(session, event):
        order_steps.expired(order)


def charge_refunded(charge: Facts, event: str) -> None:
    """Money of a payment was given back. All of it ends the order; a part is for people to see, and takes no tokens back."""
    order = orders.named_by(charge.get("metadata"))
    if order is None:
        log.info("an event of Stripe's, %s, concerns no order of ours", event)
    elif order.provider != Provider.STRIPE or order.payment not in (None, charge.get("payment_intent")):
        _note(order, event, "payment", charge.get("amount_refunded"), charge.get("currency"))
    elif charge.get("refunded") is True:
        order_steps.refunded(order)
    else:
        _note(order, event, "partial_refund", charge.get("amount_refunded"), charge.get("currency"))


EVENTS: dict[str, Callable[[Facts, str], None]] = {
    "checkout.session.completed": page_paid,
    "checkout.session.async_payment_succeeded": page_paid,
    "checkout.session.async_payment_failed": page_closed,
    "checkout.session.expired": page_closed,
    "charge.refunded": charge_refunded,
}


def _order_of_page(session: Facts, event: str) -> Order | None:
    """The order that the page was made for; None, with a note where one is named by a page that is not its own."""
    order = orders.named_by(session.get("metadata"))
    if order is None:
        log.info("an event of Stripe's, %s, concerns no order of ours", event)
        return None
    is_its_own = order.provider == Provider.STRIPE and session.get("client_reference_id") == str(order.user)
    # Who died between making a page and keeping its name left an order without one.
    if not is_its_own or (order.checkout and order.checkout["id"] != session.get("id")):
        _note(order, event, "page", session.get("amount_total"), session.get("currency"))
        return None
    return order


def _what_differs(order: Order, session: Facts) -> str | None:
    if session.get("currency") != order.currency.lower():
        return "currency"
    return "amount" if session.get("amount_total") != order.price_minor else None


def _note(order: Order, event: str, what: str, amount: Any, currency: Any) -> None:
    """Keeps with the order what did not fit it, once however often it is told, and says so to people; its status stays."""
    log.error("an event of Stripe's, %s, does not fit order #%s: %s", event, order.number, what)
    amount = amount if type(amount) is int else 0
    same = {"what": what, "amount": amount, "currency": str(currency).upper()[:3]}
    at, values = clock.now(), {"number": order.number}
    told = due_item(
        f"{order.credit_key}:{event}",
        "notify.billing",
        at=at,
        kind="order_discrepancy",
        values=values,
        url=f"/admin/orders/{order.number}",
    )
    Order._get_collection().update_one(
        {"_id": order.id, "discrepancies": {"$not": {"$elemMatch": same}}},
        {"$push": {"discrepancies": {"event": event, "at": at, **same}, "due": told}},
    )
    due.perform(Order, order.id)
