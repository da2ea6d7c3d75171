"""Asking Stripe: the page of an order is made once, and what Stripe does not do is left for another try."""

import socket
from datetime import timedelta

import pytest

from app import clock
from app.models.domain_error import PaymentRefused, PaymentUnavailable
from app.models.order import Order, Status
from app.services import due, order_steps, orders, reconciliation, stripe_payments, token_accounts
from tests.buying import RETURN_URL, came_of, make_order, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_user


def placed():
    user = make_user()
    return orders.place(user, package="basic", key="k", by=actor_of(user)).order


def open_checkout(order):
    return stripe_payments.open_checkout(order, return_url=RETURN_URL)


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_the_page_asks_for_the_price_and_names_the_order(stripe):
    order = open_checkout(placed())
    page = stripe.pages[order.checkout["id"]]
    assert (page["amount_total"], page["currency"], page["metadata"]) == (14_900, "rub", {"order": str(order.id)})
    assert page["client_reference_id"] == str(order.user)
    assert page["success_url"] == f"{RETURN_URL}?returned=1"
    assert order.checkout_url(clock.now()) == page["url"]
    assert order.checkout_url(clock.now() + timedelta(days=1)) is None


def test_an_order_has_one_page_also_when_its_name_was_lost_or_it_is_asked_for_at_once(stripe, threads):
    order = placed()
    open_checkout(order)
    Order.objects(id=order.id).update(checkout=None)
    outcomes = threads(lambda _i: open_checkout(orders.by_id(order.id)).checkout["id"], 8)
    assert set(outcomes) == set(stripe.pages)
    assert len(stripe.pages) == 1


def test_orders_that_are_paid_by_hand_have_no_page(app, monkeypatch, stripe):
    monkeypatch.setitem(app.config, "PAYMENT_PROVIDER", "manual")
    assert open_checkout(placed()).checkout is None
    assert stripe.asked == []


TROUBLES = {
    (500, "api_error"): PaymentUnavailable,
    (503, "overloaded"): PaymentUnavailable,
    (429, "rate_limit"): PaymentUnavailable,
    (409, "lock_timeout"): PaymentUnavailable,
    (401, "bad_key"): PaymentRefused,
    (400, "parameter_invalid"): PaymentRefused,
}


@pytest.mark.parametrize(("trouble", "raised"), TROUBLES.items())
def test_an_order_stays_while_stripe_makes_no_page_and_the_same_try_works_later(stripe, trouble, raised):
    order, stripe.trouble = placed(), trouble
    with pytest.raises(raised):
        open_checkout(order)
    assert (stored(order)["status"], stored(order).get("checkout")) == ("created", None)
    assert open_checkout(orders.by_id(order.id)).checkout["id"] in stripe.pages


def test_a_stripe_that_is_away_is_unavailable(app, monkeypatch, stripe):
    monkeypatch.setitem(app.config, "STRIPE_API_BASE", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(PaymentUnavailable):
        open_checkout(placed())


def test_a_cancelled_order_is_not_payable_any_more(stripe):
    order = make_order(status=Status.CANCELLED)
    assert stripe.pages[order.checkout["id"]]["status"] == "expired"


def test_cancelling_does_not_wait_for_stripe(stripe):
    order, stripe.trouble = make_order(), (500, "api_error")
    assert order_steps.cancel(order, by=OPERATOR).status == "cancelled"
    assert stripe.pages[order.checkout["id"]]["status"] == "open"


def test_a_page_that_comes_too_late_for_its_order_is_closed(stripe, monkeypatch):
    """Somebody cancels while Stripe makes the page."""
    order = placed()
    make = stripe._new_page

    def cancel_and_make(form):
        order_steps._move(order, Status.CANCELLED, by=OPERATOR)
        return make(form)

    monkeypatch.setattr(stripe, "_new_page", cancel_and_make)
    late = open_checkout(order)
    assert (late.status, stripe.pages[late.checkout["id"]]["status"]) == ("cancelled", "expired")


def paid_at_stripe(stripe):
    order = make_order()
    order_steps.paid(order, payment=stripe.pay(order.checkout["id"])["payment_intent"])
    return orders.by_id(order.id)


def test_a_refund_by_an_admin_gives_the_money_back_once(stripe):
    order, bob = paid_at_stripe(stripe), actor_of(make_admin(name="Bob"))
    before = token_accounts.view(order.user).available
    order_steps.refund(order, by=bob, reason="Ordered twice")
    order_steps.refund(order, by=bob, reason="Ordered twice")
    # Stripe tells of it too.
    order_steps.refunded(order)
    assert stripe.payments[order.payment]["latest_charge"]["refunded"]
    assert stripe.asked.count("POST /v1/refunds") == 1
    assert token_accounts.view(order.user).available == before - 50_000
    assert came_of(order)["revocation"] == came_of(order)["order.refund"] == 1


def test_money_that_stripe_does_not_give_back_at_once_is_given_back_by_the_worker(stripe):
    order, stripe.trouble = paid_at_stripe(stripe), (500, "api_error")
    order_steps.refund(order, by=OPERATOR, reason="Ordered twice")
    [left] = stored(order)["due"]
    assert (stored(order)["status"], left["verb"], left.get("failed")) == ("refunded", "payment.give_back", None)
    Order._get_collection().update_one({"_id": order.id}, {"$set": {"due.$[].at": order.created_at - due.GRACE * 2}})
    due.perform_waiting()
    assert stored(order)["due"] == []
    assert stripe.payments[order.payment]["latest_charge"]["refunded"]


def test_money_that_stripe_refuses_to_give_back_is_for_people_to_see_and_asked_for_by_nobody_else(stripe):
    order, stripe.trouble = paid_at_stripe(stripe), (400, "insufficient_funds")
    order_steps.refund(order, by=OPERATOR, reason="Ordered twice")
    stripe.asked.clear()
    Order._get_collection().update_one({"_id": order.id}, {"$set": {"due.$[].at": order.created_at - due.GRACE * 2}})
    due.perform_waiting()
    [left] = stored(order)["due"]
    assert ("insufficient_funds" in left["failed"], stripe.asked) == (True, [])
    assert [one.failure for one in reconciliation.reconcile(clock.now())] == [""]
    assert (stored(order)["due"], stripe.asked) == ([], ["POST /v1/refunds"])


def test_money_that_somebody_gave_back_at_stripe_already_is_given_back(stripe):
    order = paid_at_stripe(stripe)
    stripe.refund(order.payment)
    order_steps.refund(order, by=OPERATOR, reason="Ordered twice")
    assert stored(order)["due"] == []
