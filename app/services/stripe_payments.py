"""Talking to Stripe: the page where an order is paid, what became of it there, and giving the money back.

Whatever is asked for a second time has one effect there, by a key of ours.
"""

import logging
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import current_app

from app.models.domain_error import PaymentRefused, PaymentUnavailable
from app.models.order import Order, Provider, Status

if TYPE_CHECKING:
    from stripe import StripeClient

log = logging.getLogger(__name__)

# To connect, and between two parts of an answer.
SECONDS = (3, 10)
GIVEN_BACK_ALREADY = "charge_already_refunded"


def open_checkout(order: Order, *, return_url: str) -> Order:
    """Makes the page where an unpaid order of Stripe's is paid, once, and keeps its address with the order.

    Other orders stay as they are. Raises `PaymentUnavailable`, `PaymentRefused`: the order stays too, and the same may be
    asked again.
    """
    if order.provider != Provider.STRIPE or order.status != Status.CREATED or order.checkout:
        return order
    names = {"order": str(order.id)}
    line = {
        "quantity": 1,
        "price_data": {
            "currency": order.currency.lower(),
            "unit_amount": order.price_minor,
            "product_data": {"name": f"{order.tokens:,} tokens"},
        },
    }
    session = _ask(
        lambda client: client.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "line_items": [line],
                "client_reference_id": str(order.user),
                "metadata": names,
                # What Stripe tells of a refund names the payment, not this page.
                "payment_intent_data": {"metadata": names},
                "success_url": f"{return_url}?returned=1",
                "cancel_url": return_url,
            },
            {"idempotency_key": f"{order.credit_key}:checkout"},
        )
    )
    expires_at = datetime.fromtimestamp(session["expires_at"], UTC)
    checkout = {"id": session["id"], "url": session["url"], "expires_at": expires_at}
    Order._get_collection().update_one({"_id": order.id}, {"$set": {"checkout": checkout}})
    found: Order = Order.objects(id=order.id).get()
    if found.status != Status.CREATED:
        close_checkout(found)  # It was cancelled at this very moment.
    return found


def close_checkout(order: Order) -> None:
    """Tries to have the order's page closed, so that nobody pays what was cancelled; who does all the same gets the tokens."""
    if not order.checkout:
        return
    try:
        _ask(lambda client: client.v1.checkout.sessions.expire(order.checkout["id"]))
    except (PaymentRefused, PaymentUnavailable):
        log.warning("the payment page of order #%s stays open until it expires", order.number)


def look_up(order: Order) -> dict[str, Any]:
    """What Stripe knows of the order's page, with its payment and the last charge of that."""
    expand = ["payment_intent.latest_charge"]
    return _ask(lambda client: client.v1.checkout.sessions.retrieve(order.checkout["id"], {"expand": expand}))


def check() -> None:
    """Asks for a page, for nothing but the answer; raises `PaymentUnavailable`, `PaymentRefused`."""
    _ask(lambda client: client.v1.checkout.sessions.list({"limit": 1}))


def give_back(*, key: str, at: datetime, payment: str) -> None:
    """Gives all the money of a payment back, or what of it was not given back before."""
    _ask(lambda client: client.v1.refunds.create({"payment_intent": payment}, {"idempotency_key": key}))


def _ask(question: Any) -> dict[str, Any]:
    """What Stripe answers, as plain values; raises `PaymentUnavailable` and, where trying again is in vain, `PaymentRefused`."""
    import stripe  # noqa: PLC0415 - it takes half a second, which only those wait for who have an order to pay.

    config = current_app.config
    try:
        answer: dict[str, Any] = question(_client(config["STRIPE_SECRET_KEY"], config["STRIPE_API_BASE"])).to_dict()
    except stripe.StripeError as error:
        if error.code == GIVEN_BACK_ALREADY:
            return {}
        log.warning("Stripe: %s, status %s, code %s", type(error).__name__, error.http_status, error.code)
        if _may_do_later(error.http_status):
            raise PaymentUnavailable from None
        raise PaymentRefused(why=error.code or error.http_status) from None
    return answer


def _may_do_later(status: int | None) -> bool:
    """Whether an error with this status, None where nothing was answered, is one that passes."""
    return status is None or status in (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS) or status >= 500


@cache
def _client(secret_key: str, api_base: str) -> "StripeClient":
    """One for the process: it keeps its connections."""
    from stripe import RequestsClient, StripeClient  # noqa: PLC0415

    # Whoever asks asks again by themselves, and does not wait for it here.
    return StripeClient(
        secret_key,
        base_addresses={"api": api_base} if api_base else {},
        max_network_retries=0,
        http_client=RequestsClient(timeout=SECONDS),
    )
