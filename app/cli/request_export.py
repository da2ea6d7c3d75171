"""`flask requests export`: the desk's list as a file."""

from datetime import date

import click
from flask.cli import with_appcontext

from app.cli.day import Day
from app.cli.export_file import format_option, output_option, write
from app.cli.output import operator
from app.cli.request_filters import (
    SINCE_HELP,
    chains_option,
    filters,
    kinds_option,
    statuses_option,
    until_option,
    user_option,
)
from app.services import request_export


@click.command()
@format_option
@output_option
@kinds_option
@statuses_option
@chains_option
@user_option
@click.option("--from", "first", type=Day(), help=SINCE_HELP)
@until_option
@click.option("--oldest-first", is_flag=True, help="In the order of submission.  [default: newest first]")
@with_appcontext
def export(
    format_: str,
    output: str,
    kinds: tuple[str, ...],
    statuses: tuple[str, ...],
    chains: tuple[str, ...],
    user: str | None,
    first: date | None,
    last: date | None,
    oldest_first: bool,
) -> None:
    """Write down requests, without the internal notes. The audit trail keeps it.

    \b
    Example:
      flask requests export --status approved --from 2026-11-01 --output november.csv
    """
    chosen = filters(kinds=kinds, statuses=statuses, chains=chains, user=user, first=first, last=last)
    rows = request_export.rows(chosen, oldest_first=oldest_first, by=operator())
    write(output, format_, rows, request_export.COLUMNS)
