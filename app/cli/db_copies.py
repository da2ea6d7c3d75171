"""`flask db dump` and `flask db restore`: the whole database as files, and back."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask import current_app
from flask_babel import gettext as _
from mongoengine.connection import get_db

from app import database_dump, database_restore, db
from app.cli.db import group
from app.cli.output import ask, yes_option
from app.database_dump import DumpError, Progress

# What proves a database: each is a command of its own.
PROOFS = (("ledger", "verify"), ("audit", "verify"))
folder_argument = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@group.command()
@folder_argument
def dump(folder: Path) -> None:
    """Copy the whole database, as it is at one moment, into a new folder. Others may write meanwhile.

    It holds all that is known about everybody: keep it as you keep the database, and SECRET_KEY apart from it.

    \b
    Example:
      flask db dump /backups/2026-11-21
    """
    with _failing(), _bar(_("Copying"), database_dump.count()) as progress:
        manifest = database_dump.dump(folder, progress=progress)
    documents = sum(part.documents for part in manifest.parts.values())
    click.echo(_("%(count)s documents are in %(folder)s.", count=documents, folder=folder))


@group.command()
@folder_argument
@click.option("--check", is_flag=True, help="Prove afterwards that all of it is there and adds up.")
@yes_option
@click.pass_context
def restore(context: click.Context, folder: Path, check: bool, yes: bool) -> None:
    """Put a dump in the place of all that the database holds; end the app and its workers first.

    The files are proved before anything is touched. With --check, what was restored is read again: counts and hashes, indexes,
    every account's ledger, the audit trail; the exit code is 1 where something differs.

    \b
    Example:
      flask db restore /backups/2026-11-21 --check
    """
    # Each read and write has a deadline of its own: one for all of it would end a large restore after the old data is gone.
    with _failing():
        manifest = database_restore.read_manifest(folder)
        total = sum(part.documents for part in manifest.parts.values())
        with _bar(_("Proving the files"), total) as progress:
            database_restore.prove(folder, manifest, progress=progress)
        if not database_restore.is_empty():
            question = _("Remove everything in %(name)s, and put the dump of %(taken_at)s in its place?")
            ask(question % {"name": get_db().name, "taken_at": manifest.taken_at}, yes=yes)
        with _bar(_("Restoring"), total) as progress:
            database_restore.load(folder, manifest, progress=progress)
        wrong = []
        if check:
            with _bar(_("Comparing"), total) as progress:
                wrong = database_restore.differences(manifest, progress=progress)
        wrong += database_restore.complete()
    if wrong:
        raise click.ClickException("; ".join(wrong[:20]))
    click.echo(_("%(count)s documents of %(taken_at)s are restored.", count=total, taken_at=manifest.taken_at))
    if check:
        _prove(context)


def _prove(context: click.Context) -> None:
    for noun, verb in PROOFS:
        found = current_app.cli.commands.get(noun)
        command = found.get_command(context, verb) if isinstance(found, click.Group) else None
        if command is not None:
            context.invoke(command)


@contextmanager
def _failing() -> Iterator[None]:
    """What cannot be done becomes one line and an exit code."""
    try:
        yield
    except (DumpError, OSError, *db.CANNOT_PREPARE) as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _bar(label: str, length: int) -> Iterator[Progress]:
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update
