"""What all commands share: who runs them, how they print, and how they fail.

Exit codes: 0 done, 1 refused (the reason is on stderr), 2 called wrongly, 3 the database did not answer.
"""

import getpass
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click
from bson import ObjectId
from flask.cli import AppGroup

from app import clock, db
from app.models.actor import Actor
from app.models.domain_error import DomainError, Unavailable
from app.models.object_id import object_id

# How a command's user is named, for its help.
WHO = "named by e-mail, phone, id or external:ID"

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
yes_option = click.option("--yes", is_flag=True, help="Do it without asking.")


class Id(click.ParamType[ObjectId]):
    """The 24 digits that name a document."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ObjectId:
        """The id, or a usage error."""
        return object_id(value) or self.fail("an id has 24 digits from 0 to 9 and a to f.", param, ctx)


class DatabaseAway(click.ClickException):
    """Nothing is known about what was asked."""

    exit_code = 3


class Commands(AppGroup):
    """A noun with its verbs; what a service refuses becomes one line and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click's."""
        try:
            return super().invoke(ctx)
        except (*db.ERRORS, Unavailable) as error:
            # The driver's own account of all its servers follows the reason, and helps nobody here.
            reason = str(error).partition(" (configured timeouts")[0]
            raise DatabaseAway(f"The database did not answer: {_clean(reason)[:300]}") from None
        except DomainError as error:
            raise click.ClickException(_clean(str(error))) from None


def operator() -> Actor:
    """Whoever has this command line."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return Actor("cli", name, name)


def ask(question: str, *, yes: bool) -> None:
    """Ends the command unless the operator agrees, or has said `--yes`."""
    if not yes:
        click.confirm(_clean(question), abort=True)


def print_json(value: Any) -> None:
    """JSON with ids as text and times in UTC to the millisecond."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def print_rows(rows: Iterable[Mapping[str, Any]], *, nothing: str = "Nothing to show.") -> None:
    """A table with a column for each key of the first row; `nothing` where there is no row."""
    table = [{name: _cell(value) for name, value in row.items()} for row in rows]
    if not table:
        click.echo(nothing)
        return
    widths = {name: max(len(name), *(len(row[name]) for row in table)) for name in table[0]}
    for row in [{name: name.upper() for name in widths}, *table]:
        click.echo("  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_cell, value)) or "-"
    return _clean(str(value)) if value not in (None, "") else "-"


def _clean(text: str) -> str:
    """`text` on one line, unable to drive the terminal that shows it."""
    return "".join(character if character.isprintable() else " " for character in text)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, ObjectId):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
