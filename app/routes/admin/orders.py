"""The orders of everybody, for whoever manages billing: the list, one of them, and what can be done with it."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access, pagination
from app.access import requires
from app.errors import sentence
from app.forms import refusal
from app.forms.order import NoteForm, RefundForm
from app.models.domain_error import AlreadyDecided, DomainError, Forbidden, NotPaid, WorkOutstanding
from app.models.order import Order, Status
from app.models.permission import Permission
from app.routes.requests import NUMBER
from app.services import order_list, order_steps, reconciliation, users
from app.services import orders as service

blueprint = Blueprint("admin_orders", __name__, url_prefix="/admin/orders")

# The list says so where something could not be done, and leads to the first of them.
MOST_STUCK = 5


@blueprint.get("")
@requires(Permission.BILLING_MANAGE)
def orders() -> ResponseReturnValue:
    """All orders, newest first, or those that a filter and a search find."""
    chosen = pagination.chosen("status", list(Status))
    sought = request.args.get("q", "").strip()[: order_list.LONGEST_SEARCH]
    filters = order_list.filters(Status(chosen) if chosen else None, sought)
    found = order_list.page(filters, before=pagination.before_number(), limit=pagination.FETCHED)
    page = pagination.page(found, key=lambda one: one.number, status=chosen, q=sought or None)
    return render_template(
        "admin/orders/orders.html",
        page=page,
        buyers=users.by_ids(order.user for order in page.rows),
        waiting=order_list.count(Status.CREATED),
        most_counted=order_list.MOST_COUNTED,
        statuses=list(Status),
        chosen=chosen,
        sought=sought,
        more_users=filters.more,
        stuck=service.stuck(MOST_STUCK),
    )


@blueprint.get(NUMBER)
@requires(Permission.BILLING_MANAGE)
def show(number: int) -> ResponseReturnValue:
    """All that is known of one order, and what can be done with it."""
    return _page(service.by_number(number))


@blueprint.post(f"{NUMBER}/confirm")
@requires(Permission.BILLING_MANAGE)
def confirm(number: int) -> ResponseReturnValue:
    """The money has arrived: the tokens are credited."""
    order, form = service.by_number(number), NoteForm()
    if not form.validate():
        return _page(order, confirm_form=form), 400
    try:
        order_steps.confirm(order, by=access.actor(), note=form.note.data)
    except (AlreadyDecided, Forbidden) as error:
        return _refused(number, error)
    return _done(number, _("Order #%(number)s is paid, and its tokens are credited.", number=number))


@blueprint.post(f"{NUMBER}/cancel")
@requires(Permission.BILLING_MANAGE)
def cancel(number: int) -> ResponseReturnValue:
    """Ends an order that nobody pays."""
    try:
        order_steps.cancel(service.by_number(number), by=access.actor())
    except AlreadyDecided as error:
        return _refused(number, error)
    return _done(number, _("Order #%(number)s is cancelled.", number=number))


@blueprint.route(f"{NUMBER}/refund", methods=["GET", "POST"])
@requires(Permission.BILLING_MANAGE)
def refund(number: int) -> ResponseReturnValue:
    """What giving the money back would take from the user's account, and the form that does it."""
    order, form = service.by_number(number), RefundForm()
    if not form.validate_on_submit():
        return _refund_page(order, form), 400 if form.is_submitted() else 200
    try:
        order_steps.refund(order, by=access.actor(), reason=form.reason.data)
    except (AlreadyDecided, Forbidden, NotPaid, WorkOutstanding) as error:
        refusal.show(form, error)
        return _refund_page(service.by_number(number), form), error.status
    return _done(number, _("Order #%(number)s is refunded.", number=number))


@blueprint.post(f"{NUMBER}/check")
@requires(Permission.BILLING_MANAGE)
def check(number: int) -> ResponseReturnValue:
    """Asks the payment service what became of the order."""
    order = service.by_number(number)
    try:
        has_changed = reconciliation.look_at(order).has_changed
    except DomainError as error:
        flash(sentence(error), "error")
    else:
        if has_changed:
            flash(_("Stripe knew more of this order than we did."), "success")
        else:
            flash(_("Stripe knows nothing new of this order."), "info")
    return redirect(url_for("admin_orders.show", number=number), 303)


def _refund_page(order: Order, form: RefundForm) -> str:
    back = order_steps.forecast(order) if order.status == Status.PAID else None
    buyer = users.by_ids([order.user]).get(order.user)
    return render_template("admin/orders/refund.html", order=order, buyer=buyer, form=form, back=back)


def _page(order: Order, *, confirm_form: NoteForm | None = None) -> str:
    back = order_steps.taken_back(order) if order.status == Status.REFUNDED else None
    return render_template(
        "admin/orders/show.html",
        order=order,
        buyer=users.by_ids([order.user]).get(order.user),
        confirm_form=confirm_form or NoteForm(formdata=None),
        back=back,
    )


def _refused(number: int, error: DomainError) -> ResponseReturnValue:
    flash(sentence(error), "error")
    return _page(service.by_number(number)), error.status


def _done(number: int, text: str) -> ResponseReturnValue:
    flash(text, "success")
    return redirect(url_for("admin_orders.show", number=number), 303)
