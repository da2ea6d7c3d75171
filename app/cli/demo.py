"""`flask demo`: something to look at."""

import click
from flask import current_app
from flask_babel import gettext as _

from app.cli.output import Commands, as_json_option, operator, print_json, print_rows
from app.services import demo as service

group = Commands("demo", help="Something to look at, for a first try.")


@group.command()
@click.option("--yes", is_flag=True, help="Also in production, where a demo admin is rarely wanted.")
@as_json_option
def seed(yes: bool, as_json: bool) -> None:
    """Add demo users, an admin among them, and print their passwords, this once.

    \b
    Example:
      flask demo seed
    """
    if current_app.config["ENVIRONMENT"] == "production" and not yes:
        raise click.UsageError(_("This would add a demo admin in production; say --yes if that is what you want."))
    accounts = service.seed(by=operator())
    rows = [{"email": account.email, "password": account.password, "what": _(account.what)} for account in accounts]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, nothing=_("The demo is there already; nothing was changed."))
