"""Buying tokens: the packages side by side, and one of them to be ordered."""

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access
from app.access import signed_in
from app.errors import sentence
from app.forms import refusal
from app.forms.order import BuyForm
from app.models.domain_error import InvalidInput, KeyReused, PaymentRefused, PaymentUnavailable, TooManyOrders
from app.models.package import Package
from app.public_url import public_url
from app.services import orders, packages, stripe_payments

blueprint = Blueprint("buy", __name__, url_prefix="/buy")


@blueprint.get("")
@signed_in
def buy() -> ResponseReturnValue:
    """What can be bought."""
    return render_template("buy/buy.html", packages=packages.offered())


@blueprint.route("/<package>", methods=["GET", "POST"])
@signed_in
def order(package: str) -> ResponseReturnValue:
    """What a package brings and costs, and the form that orders it."""
    chosen, form = _offered(package), BuyForm()
    if not form.validate_on_submit():
        return _page(chosen, form), 400 if form.is_submitted() else 200
    try:
        placed = orders.place(current_user, package=package, key=form.key.data, by=access.actor()).order
    except (KeyReused, TooManyOrders) as error:
        refusal.show(form, error)
        return _page(chosen, form), error.status
    try:
        stripe_payments.open_checkout(placed, return_url=public_url("orders.show", number=placed.number))
    except (PaymentRefused, PaymentUnavailable) as error:
        flash(sentence(error), "error")
    else:
        flash(_("Your order #%(number)s is made. Pay it, and the tokens are yours.", number=placed.number), "success")
    return redirect(url_for("orders.show", number=placed.number), 303)


def _offered(name: str) -> Package:
    try:
        return packages.named(name)
    except InvalidInput:
        abort(404)


def _page(package: Package, form: BuyForm) -> str:
    return render_template("buy/order.html", package=package, form=form)
