"""`flask db`: the database's structure, from the command line."""

import click
from flask_babel import gettext as _

from app import db, migrations
from app.cli.output import Commands, as_json_option, print_json
from app.services import assistants

group = Commands("db", help="Prepare, migrate and check the database.")


@group.command()
def init() -> None:
    """Make a new database ready, or an older one fit this version. Safe to repeat, and to start twice at once.

    \b
    Example:
      flask db init
    """
    try:
        done = db.prepare()
        assistants.ensure_default()
    except db.CANNOT_PREPARE as error:
        raise click.ClickException(str(error)) from None
    for line in done:
        click.echo(line)
    click.echo(_("The database is ready."))


@group.command()
def migrate() -> None:
    """Run the changes of stored data that have not run yet, and leave validators and indexes to `flask db init`.

    \b
    Example:
      flask db migrate
    """
    count = 0
    try:
        with migrations.alone():
            for name in db.each_slow(migrations.run_pending()):
                click.echo(name)
                count += 1
    except db.CANNOT_PREPARE as error:
        raise click.ClickException(str(error)) from None
    click.echo(_("%(count)s migrations done.", count=count))


@group.command()
@as_json_option
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Say how the database differs from what this version expects; exit code 1 where it does.

    \b
    Example:
      flask db check
    """
    found = db.check()
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(found) or _("The database is as it should be."))
    context.exit(1 if found else 0)
