"""`flask orders`: what users buy, from the command line."""

import sys
from datetime import timedelta
from typing import Any

import click
from flask_babel import gettext as _

from app import clock
from app.cli.output import Commands, as_json_option, ask, operator, print_json, print_rows, yes_option
from app.models.domain_error import DomainError
from app.models.order import Order, Status
from app.services import order_list, order_steps, orders, reconciliation, users

group = Commands("orders", help="List orders, and say what became of them.")


@group.command("list")
@click.option("--status", type=click.Choice([str(one) for one in Status]), help="Only these.  [default: all]")
@click.option("--user", help="Only the orders of this user, named by e-mail, phone, id or external:ID.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=click.IntRange(1), help="Only orders before this number.")
@as_json_option
def list_(status: str | None, user: str | None, limit: int, before: int | None, as_json: bool) -> None:
    """List orders, newest first.

    \b
    Example:
      flask orders list --status created
    """
    whose = [users.find(user).id] if user else None
    filters = order_list.Filters(Status(status) if status else None, users=whose)
    found = order_list.page(filters, before=before, limit=limit)
    people = users.by_ids(order.user for order in found)
    rows = [_row(order) | {"user": _name(people, order)} for order in found]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, nothing=_("No orders."))


@group.command()
@click.argument("number")
@as_json_option
def show(number: str, as_json: bool) -> None:
    """Show one order, named by number or id.

    \b
    Example:
      flask orders show 1
    """
    order = orders.find(number)
    facts = _row(order) | {
        "id": order.id,
        "user": _name(users.by_ids([order.user]), order),
        "payment": order.payment,
        "checkout": (order.checkout or {}).get("id"),
        "discrepancies": [one["what"] for one in order.discrepancies],
        "failed": [f"{item['verb']}: {item['failed']}" for item in order.failed_items],
    }
    if as_json:
        print_json(facts | {"history": [dict(step) for step in order.history]})
    else:
        print_rows([{"what": name, "value": value} for name, value in facts.items()])


@group.command()
@click.argument("number")
@click.option("--note", default="", help="What other admins should know, such as the number of the bank transfer.")
@yes_option
def confirm(number: str, note: str, yes: bool) -> None:
    """Say that the money of an order has arrived: its tokens are credited.

    \b
    Example:
      flask orders confirm 1 --note "Transfer 4711" --yes
    """
    order = orders.find(number)
    ask(_("Has the payment of order #%(number)s arrived, %(cost)s?", number=order.number, cost=_cost(order)), yes=yes)
    _say(order_steps.confirm(order, by=operator(), note=note))


@group.command()
@click.argument("number")
@click.option("--note", default="", help="Why; for other admins.")
@yes_option
def cancel(number: str, note: str, yes: bool) -> None:
    """End an order that is not paid; a payment that comes all the same pays it.

    \b
    Example:
      flask orders cancel 1 --yes
    """
    order = orders.find(number)
    ask(_("Cancel order #%(number)s?", number=order.number), yes=yes)
    _say(order_steps.cancel(order, by=operator(), note=note))


@group.command()
@click.argument("number")
@click.option("--reason", required=True, help="Why; for other admins.")
@yes_option
def refund(number: str, reason: str, yes: bool) -> None:
    """Take back what is left of an order's tokens. What was paid at Stripe is given back there, the rest by you.

    \b
    Example:
      flask orders refund 1 --reason "Ordered twice" --yes
    """
    order = orders.find(number)
    ask(_("Refund order #%(number)s, %(cost)s?", number=order.number, cost=_cost(order)), yes=yes)
    _say(order_steps.refund(order, by=operator(), reason=reason))
    if back := order_steps.taken_back(order):
        click.echo(_("%(taken)s of %(given)s tokens came back.", taken=f"{back.taken:,}", given=f"{back.given:,}"))
        if back.missing:
            missing = f"{back.missing:,}"
            click.echo(_("%(missing)s could not be taken: they are spent, held or have expired.", missing=missing))


@group.command()
@click.option(
    "--days", type=click.IntRange(1, 3_650), default=30, show_default=True, help="Only orders that are not older."
)
@as_json_option
def reconcile(days: int, as_json: bool) -> None:
    """Ask Stripe what became of orders, do what follows, and do again what could not be done.

    \b
    Example:
      flask orders reconcile
    """
    since = clock.now() - timedelta(days=days)
    looked = []
    with click.progressbar(length=reconciliation.count(since), label=_("Asking"), file=sys.stderr) as bar:
        for one in reconciliation.reconcile(since):
            looked.append(one)
            bar.update(1)
    rows = [
        {
            "number": one.order.number,
            "before": one.before,
            "status": one.order.status,
            "finished": one.finished,
            "failure": one.failure,
        }
        for one in looked
        if one.has_changed or one.failure
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, nothing=_("%(count)s orders were looked at, and nothing was amiss.", count=len(looked)))
    if any(one.failure for one in looked):
        raise DomainError(_("Of some orders nobody could tell; try again later."))


def _row(order: Order) -> dict[str, Any]:
    names = ("number", "package", "tokens", "amount", "currency", "provider", "status", "created_at")
    return {name: getattr(order, name) for name in names} | {"waiting": len(order.due)}


def _name(people: dict[Any, Any], order: Order) -> str:
    return people[order.user].email if order.user in people else str(order.user)


def _cost(order: Order) -> str:
    return f"{order.amount:,} {order.currency}"


def _say(order: Order) -> None:
    """Where the order stands now, and whether something that follows is still to be done."""
    click.echo(_("Order #%(number)s is %(status)s.", number=order.number, status=order.status))
    if orders.by_id(order.id).due:
        click.echo(_("Something that follows is not done yet; see `flask orders show`."), err=True)
