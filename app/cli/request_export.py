"""`flask requests export`: the desk's list as a file."""

from datetime import date

import click
from flask.cli import with_appcontext

from app.cli.day import Day, begin_of, end_of
from app.exports import Format, lines
from app.models.token_request import Status
from app.services import desk, request_export, request_kinds, users


@click.command()
@click.option(
    "--format",
    "format_",
    type=click.Choice([str(one) for one in Format]),
    default=str(Format.CSV),
    show_default=True,
    help="csv for spreadsheets, jsonl (an object a line) for programs.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False), default="-", help="A file to write.  [default: the standard output]"
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(request_kinds.ON_APPROVAL)),
    help="Only this kind.  [default: all]",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([str(one) for one in Status]),
    help="Only these.  [default: all]",
)
@click.option("--user", help="Only this user's, named by e-mail or id.")
@click.option("--from", "first", type=Day(), help="Only those submitted on this day or later.")
@click.option("--until", "last", type=Day(), help="Only those submitted on this day or earlier.")
@click.option("--oldest-first", is_flag=True, help="In the order of submission.  [default: newest first]")
@with_appcontext
def export(
    format_: str,
    output: str,
    kinds: tuple[str, ...],
    statuses: tuple[str, ...],
    user: str | None,
    first: date | None,
    last: date | None,
    oldest_first: bool,
) -> None:
    """Write down requests, without the internal notes; kinds and statuses may be given more than once.

    Days are the app's (TIME_ZONE).

    \b
    Example:
      flask requests export --status approved --from 2026-11-01 --output november.csv
    """
    filters = desk.Filters(
        kinds=kinds,
        statuses=[Status(one) for one in statuses],
        users=[users.find(user).id] if user else None,
        since=begin_of(first),
        until=end_of(last),
    )
    rows = request_export.rows(filters, oldest_first=oldest_first)
    try:
        with click.open_file(output, "w", encoding="utf-8") as file:
            file.writelines(lines(Format(format_), rows, request_export.COLUMNS))
    except BrokenPipeError:
        # Whoever read has had enough; click ends the command.
        raise
    except OSError as error:
        raise click.FileError(output, error.strerror) from None
