"""A user's own orders: the list, one of them with what to do next, paying and cancelling it."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access, clock, pagination
from app.access import signed_in
from app.errors import sentence
from app.models.domain_error import AlreadyDecided, PaymentRefused, PaymentUnavailable
from app.models.order import Order, Status
from app.public_url import public_url
from app.routes.requests import NUMBER
from app.services import order_steps, stripe_payments
from app.services import orders as service

blueprint = Blueprint("orders", __name__, url_prefix="/orders")

# Whoever comes back from the payment sees by themselves when it is known here.
LOOK_AGAIN_SECONDS = 5


@blueprint.get("")
@signed_in
def orders() -> ResponseReturnValue:
    """The user's own orders, newest first."""
    found = service.mine(current_user.id, before=pagination.before_number(), limit=pagination.FETCHED)
    page = pagination.page(found, key=lambda one: one.number)
    return render_template("orders/orders.html", page=page)


@blueprint.get(NUMBER)
@signed_in
def show(number: int) -> ResponseReturnValue:
    """One of the user's own orders: where it stands, and what to do next."""
    order = service.own(current_user.id, number)
    waits = "returned" in request.args and order.status == Status.CREATED
    response = make_response(_page(order, waits=waits))
    if waits:
        response.headers["Refresh"] = str(LOOK_AGAIN_SECONDS)
    return response


@blueprint.post(f"{NUMBER}/pay")
@signed_in
def pay(number: int) -> ResponseReturnValue:
    """Makes the payment page of an order that has none, since the payment service was away."""
    order = service.own(current_user.id, number)
    try:
        stripe_payments.open_checkout(order, return_url=public_url("orders.show", number=number))
    except (PaymentRefused, PaymentUnavailable) as error:
        flash(sentence(error), "error")
    return redirect(url_for("orders.show", number=number), 303)


@blueprint.post(f"{NUMBER}/cancel")
@signed_in
def cancel(number: int) -> ResponseReturnValue:
    """Cancels one of the user's own orders, while it is not paid."""
    order = service.own(current_user.id, number)
    try:
        order_steps.cancel(order, by=access.actor())
    except AlreadyDecided:
        # Who decided is not for the owner to hear; the page says where the order stands.
        flash(_("Order #%(number)s cannot be cancelled any more. This is where it stands.", number=number), "error")
    else:
        flash(_("Order #%(number)s is cancelled.", number=number), "success")
    return redirect(url_for("orders.show", number=number), 303)


def _page(order: Order, *, waits: bool) -> str:
    back = order_steps.taken_back(order) if order.status == Status.REFUNDED else None
    url = order.checkout_url(clock.now())
    return render_template("orders/show.html", order=order, waits=waits, checkout_url=url, back=back)
