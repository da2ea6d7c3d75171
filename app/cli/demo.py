"""`flask demo`: something to look at."""

import sys
import time

import click
from flask import current_app
from flask_babel import gettext as _

from app import db
from app.cli.output import Commands, as_json_option, operator, print_json, print_rows
from app.models.demo_crowd import DemoCrowd
from app.services import demo, demo_crowd, ledger_verify, statistics
from app.services.demo_crowd_plan import LARGEST_SEED, MOST_PEOPLE

group = Commands("demo", help="Something to look at, for a first try.")


@group.command()
@click.option(
    "--users",
    type=click.IntRange(1, MOST_PEOPLE),
    help="Add so many made-up users instead, with accounts and ledgers, to see how large data behaves.",
)
@click.option("--requests", type=click.IntRange(0), default=0, help="With --users: so many requests of theirs.")
@click.option(
    "--seed",
    "chosen",
    type=click.IntRange(1, LARGEST_SEED),
    help="With --users: the same seed makes the same people. Without it, what was broken off of this size is finished first.",
)
@click.option("--yes", is_flag=True, help="Also in production, where demo data is rarely wanted.")
@as_json_option
def seed(users: int | None, requests: int, chosen: int | None, yes: bool, as_json: bool) -> None:
    """Add demo users, an admin among them, and print their passwords, this once; or add a crowd of made-up users.

    \b
    Example:
      flask demo seed
      flask demo seed --users 1000000 --requests 1000000
    """
    if current_app.config["ENVIRONMENT"] == "production" and not yes:
        raise click.UsageError(_("This would add demo data in production; say --yes if that is what you want."))
    if users:
        _add_crowd(chosen, users, requests, as_json=as_json)
    elif requests or chosen:
        raise click.UsageError(_("--requests and --seed go with --users."))
    else:
        _add_people_to_sign_in_as(as_json=as_json)


def _add_people_to_sign_in_as(*, as_json: bool) -> None:
    accounts = demo.seed(by=operator())
    rows = [{"email": account.email, "password": account.password, "what": _(account.what)} for account in accounts]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, nothing=_("The demo is there already; nothing was changed."))


def _add_crowd(seed: int | None, users: int, requests: int, *, as_json: bool) -> None:
    crowd = demo_crowd.begin(seed=seed, users=users, requests=requests, by=operator())
    seconds = _make(crowd)
    with click.progressbar(length=ledger_verify.count(), label=_("Counting"), file=sys.stderr) as bar:
        statistics.rebuild(bar.update)
    made = {"seed": crowd.seed, "users": users, "requests": requests, "seconds": seconds}
    if as_json:
        print_json(made)
    else:
        click.echo(
            _("Made %(users)s users and %(requests)s requests in %(seconds)s seconds, from seed %(seed)s.", **made)
        )


def _make(crowd: DemoCrowd) -> int:
    """Makes the crowd behind a bar that tells the speed; returns the seconds that it took."""
    began = time.monotonic()

    def speed(done: int | None) -> str:
        return _("%(speed)s/s", speed=f"{(done or 0) / max(0.001, time.monotonic() - began):,.0f}")

    with (
        db.slow(),
        click.progressbar(
            length=crowd.users, label=_("Making"), file=sys.stderr, item_show_func=speed, show_pos=True
        ) as bar,
    ):
        done = 0
        for made in demo_crowd.make(crowd):
            done += made
            bar.update(made, done)
    return round(time.monotonic() - began)
