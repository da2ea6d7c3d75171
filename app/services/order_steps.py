"""What becomes of orders: the only code that changes an order's status.

Each step is one conditional update, and carries what follows from it as the order's `due` list. People and the payment service
may be told of the same order in any order: the higher status holds, and a step to one that is not higher does nothing.
"""

from collections.abc import Iterable
from typing import Any

from pymongo import ReturnDocument

from app import clock, db
from app.models.account import GrantSource
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, AlreadyDecided, Busy, Forbidden, NotPaid, WorkOutstanding
from app.models.due_item import due_item
from app.models.order import Order, Provider, Status
from app.models.permission import Permission
from app.models.plain_text import plain_text
from app.models.webhook import Event
from app.services import deliveries, due, orders, rights, stripe_payments, taking_back
from app.services.taking_back import Return

LONGEST_NOTE = 500
# A status only rises, and there are four of them; the rest is for what is due on the order at the same moment.
MOST_ATTEMPTS = 6
# The crediting of the tokens is not due, before the payment or since it is done; or it could not be done.
NO_CREDIT = {"$not": {"$elemMatch": {"verb": "account.grant"}}}
CREDIT_FAILED = {"$elemMatch": {"verb": "account.grant", "failed": {"$type": "string"}}}
# Stripe by name, where it has told of something.
STRIPE = Actor("system", "stripe", "Stripe")


# --- what people do ---------------------------------------------------------------------------------------------------


def confirm(order: Order, *, by: Actor, note: str = "") -> Order:
    """Says that the money has arrived: the tokens are credited. Of orders that Stripe is paid for, only Stripe says so."""
    _check_manages(order, by)
    if order.provider != Provider.MANUAL:
        raise Forbidden(N_("This order is paid at Stripe, and only Stripe says that it is paid."))
    return _step(order, Status.PAID, by, note)


def cancel(order: Order, *, by: Actor, note: str = "") -> Order:
    """Ends an order that is not paid, for its owner or whoever manages billing; a payment that comes all the same pays it."""
    if by.person != str(order.user):
        rights.check_holds([Permission.BILLING_MANAGE], by=by)
    cancelled = _step(order, Status.CANCELLED, by, note)
    stripe_payments.close_checkout(cancelled)
    return cancelled


def refund(order: Order, *, by: Actor, reason: str) -> Order:
    """Takes back what is left of a paid order's tokens; what was paid at Stripe is given back there, the rest by hand."""
    _check_manages(order, by)
    reason = plain_text(reason, "reason", least=1, most=LONGEST_NOTE)
    if orders.by_id(order.id).status in Status.PAID.below:
        raise NotPaid(number=order.number)
    return _step(order, Status.REFUNDED, by, reason)


def forecast(order: Order) -> Return | None:
    """What a refund would take from the user's account now; None where nothing is credited yet."""
    return taking_back.forecast(order.user, order.credit_key)


def taken_back(order: Order) -> Return | None:
    """What the refund took; None where it did not concern the account, or is not done yet."""
    return taking_back.outcome(order.user, order.key_of(Status.REFUNDED))


def _check_manages(order: Order, by: Actor) -> None:
    rights.check_holds([Permission.BILLING_MANAGE], by=by)
    if by.person == str(order.user):
        raise Forbidden(N_("This is your own order: somebody else has to do this."))


def _step(order: Order, to: Status, by: Actor, note: str) -> Order:
    """A step that a person takes: the same one again has the same answer, any other hears who was first."""
    note = plain_text(note, "note", most=LONGEST_NOTE)
    if moved := _move(order, to, by=by, note=note):
        return moved
    current = orders.by_id(order.id)
    last = current.history[-1]
    if current.status == to and (last["by"]["kind"], last["by"]["id"]) == (by.kind, by.id):
        return current
    raise AlreadyDecided(
        N_("Order #%(number)s is already %(status)s, by %(by)s on %(at)s."),
        number=current.number,
        status=current.status,
        by=last["by"]["name"],
        at=last["at"],
    )


# --- what the payment service tells -----------------------------------------------------------------------------------


def paid(order: Order, *, payment: str | None) -> None:
    """The payment service has the money; `payment` is its name for the payment."""
    _move(order, Status.PAID, by=STRIPE, payment=payment)


def expired(order: Order) -> None:
    """The payment service takes no payment for the order any more."""
    _move(order, Status.CANCELLED, by=STRIPE)


def refunded(order: Order) -> None:
    """The payment service has given all the money back."""
    _move(order, Status.REFUNDED, by=STRIPE)


# --- taking a step ----------------------------------------------------------------------------------------------------


def _move(order: Order, to: Status, *, by: Actor, note: str = "", payment: str | None = None) -> Order | None:
    """The order one step higher; None, and nothing is done, where it stands as high already."""
    for _attempt in range(MOST_ATTEMPTS):
        current = orders.by_id(order.id)
        if current.status not in to.below:
            db.wait_for_majority()
            return None
        if current.credit_waits:
            # There is nothing to take back before it is there.
            due.perform(Order, current.id)
            current = orders.by_id(order.id)
            if current.credit_waits:
                raise WorkOutstanding
        where = {"_id": current.id, "status": current.status, "due": CREDIT_FAILED if current.credit else NO_CREDIT}
        update = _update(current, to, by, note, payment)
        changed = Order._get_collection().find_one_and_update(where, update, return_document=ReturnDocument.AFTER)
        if changed is not None:
            due.perform(Order, current.id)
            return Order._from_son(changed)
    raise Busy


def _update(current: Order, to: Status, by: Actor, note: str, payment: str | None) -> list[dict[str, Any]]:
    at = clock.now()
    step = {"from_status": current.status, "to_status": to.value, "by": by.stamp(), "at": at, "note": note}
    fields = {"status": to.value, **({"payment": {"$literal": payment}} if payment else {})}
    items = [*_effects(current, to, by), *_news(current, to, by)]
    if action := _action(current, to, by):
        changes = {"before": {"status": current.status}, "after": {"status": to.value}, "reason": note}
        items.append(orders.audit_item(current, action, to, by=by, **changes))
    # Tokens that could not be credited never are, once the order is refunded.
    left = {"$filter": {"input": {"$ifNull": ["$due", []]}, "cond": {"$ne": ["$$this.verb", "account.grant"]}}}
    longer = {"history": ["$history", {"$literal": [step]}], "due": [left, {"$literal": items}]}
    return [{"$set": fields | {name: {"$concatArrays": parts} for name, parts in longer.items()}}]


def _effects(current: Order, to: Status, by: Actor) -> Iterable[dict[str, Any]]:
    """What a step does to the user's account, and to the money at Stripe."""
    at, reference = clock.now(), {"order": current.number}
    if to is Status.PAID:
        yield due_item(
            current.credit_key,
            "account.grant",
            at=at,
            user=current.user,
            tokens=current.tokens,
            source=GrantSource.PURCHASE.value,
            by=by.stamp(),
            reason=f"Order #{current.number} paid",
            reference=reference,
        )
    if to is Status.REFUNDED and current.status == Status.PAID and not current.credit:
        yield due_item(
            current.key_of(to),
            "account.revoke",
            at=at,
            user=current.user,
            undoes=current.credit_key,
            by=by.stamp(),
            reason=f"Order #{current.number} refunded",
            reference=reference,
        )
    if to is Status.REFUNDED and by is not STRIPE and current.payment:
        yield due_item(current.key_of(to), "payment.give_back", at=at, payment=current.payment)


def _news(current: Order, to: Status, by: Actor) -> Iterable[dict[str, Any]]:
    """What webhooks are told, and the user, but nothing of their own doing and of an order that they have left unpaid."""
    if to is Status.PAID:
        data = {"order": current.id, "number": current.number, "user": current.user}
        yield deliveries.event_item(current.key_of(to), Event.ORDER_PAID, data, at=clock.now())
    if to is Status.CANCELLED and (by is STRIPE or by.person == str(current.user)):
        return
    values: dict[str, Any] = {"number": current.number, "tokens": current.tokens}
    yield due_item(
        current.key_of(to),
        "notify",
        at=clock.now(),
        user=current.user,
        kind=f"order_{to}",
        values=values,
        url=f"/orders/{current.number}",
    )


def _action(current: Order, to: Status, by: Actor) -> Action | None:
    """What the audit trail calls the step; None for what users do with their own."""
    if by.kind == "user" and by.person == str(current.user):
        return None
    paid = Action.ORDER_PAY if by is STRIPE else Action.ORDER_CONFIRM
    return {Status.PAID: paid, Status.CANCELLED: Action.ORDER_CANCEL, Status.REFUNDED: Action.ORDER_REFUND}[to]
