"""`flask deliveries`: what leaves this site by mail and webhook, from the command line."""

from typing import Any

import click
from bson import ObjectId
from flask_babel import gettext as _

from app.cli.output import Commands, Id, as_json_option, operator, print_json, print_rows
from app.models.delivery import Delivery, State
from app.services import deliveries, delivery_attempts, users, webhooks

group = Commands("deliveries", help="Mail and webhooks on their way: list them, try one again.")


@group.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only these; may be given more than once.",
)
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=Id(), help="Only older ones than this: the last id of the page before.")
@as_json_option
def list_(states: tuple[str, ...], limit: int, before: ObjectId | None, as_json: bool) -> None:
    """List deliveries, newest first, with why they have not arrived.

    \b
    Example:
      flask deliveries list --state dead
    """
    found = deliveries.page(*map(State, states), before=before, limit=limit)
    people = users.by_ids(one.user for one in found if one.user)
    receivers = webhooks.urls(one.webhook for one in found if one.webhook)
    rows = [_row(one, one.address or _email(people, one) or receivers.get(one.webhook)) for one in found]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, nothing=_("No deliveries."))


@group.command()
@click.argument("delivery_id", type=Id(), metavar="[ID]", required=False)
@click.option("--dead", is_flag=True, help="All that were given up, instead of one.")
def retry(delivery_id: ObjectId | None, dead: bool) -> None:
    """Have the worker try one delivery again at once, or all that were given up.

    \b
    Example:
      flask deliveries retry 6b00df2e7986fd79a8ed344e
    """
    if (delivery_id is None) != dead:
        raise click.UsageError(_("Name one delivery, or say --dead."))
    if delivery_id:
        delivery_attempts.retry(deliveries.get(delivery_id), by=operator())
        click.echo(_("It is tried again within seconds."))
        return
    tried = delivery_attempts.retry_dead(by=operator())
    click.echo(_("Tried again within seconds: %(count)s.", count=tried))


def _email(people: dict[ObjectId, Any], delivery: Delivery) -> str | None:
    return people[delivery.user].email if delivery.user in people else None


def _row(delivery: Delivery, to: str | None) -> dict[str, Any]:
    names = ("what", "state", "attempts", "created_at", "next_at", "sent_at", "last_error")
    facts = {name: getattr(delivery, name) for name in names}
    return {"id": str(delivery.id), "kind": delivery.kind.value, "to": to, **facts, "state": delivery.state.value}
