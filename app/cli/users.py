"""`flask users`: the people, from the command line. The first admin is made here."""

import sys
from typing import Any

import click
from bson import ObjectId
from bson.errors import InvalidId
from flask_babel import gettext as _

from app.cli.output import Commands, as_json_option, operator, print_json, print_rows
from app.models.permission import ROLES
from app.models.user import User
from app.services import users

group = Commands("users", help="Make, list and show users.")


class UserId(click.ParamType[ObjectId]):
    """The 24 digits that name a user."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ObjectId:
        """The id, or a usage error."""
        try:
            return ObjectId(value)
        except InvalidId:
            self.fail("an id has 24 digits from 0 to 9 and a to f.", param, ctx)


@group.command()
@click.argument("email")
@click.option("--name", default="", help="What the user is called.")
@click.option("--tier", help="A tier of the TIERS setting.  [default: DEFAULT_TIER]")
@click.option("--role", "roles", multiple=True, type=click.Choice(list(ROLES)), help="May be given more than once.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the standard input.")
@as_json_option
def create(
    email: str, name: str, tier: str | None, roles: tuple[str, ...], password_stdin: bool, as_json: bool
) -> None:
    """Make a user, who can sign in at once. The password is asked for.

    \b
    Example:
      flask users create ada@example.com --name "Ada Lovelace" --role admin
    """
    password = _password(password_stdin)
    user = users.create(email, password=password, name=name, tier=tier, roles=roles, by=operator())
    if as_json:
        print_json(_facts(user))
    else:
        click.echo(_("Created %(email)s (%(id)s).", email=user.email, id=user.id))


@group.command("list")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=UserId(), help="Only users made before this one: the last id of the page before.")
@as_json_option
def list_(limit: int, before: ObjectId | None, as_json: bool) -> None:
    """List users, newest first.

    \b
    Example:
      flask users list --limit 20
    """
    found = [_facts(user) for user in users.page(before=before, limit=limit)]
    if as_json:
        print_json(found)
        return
    columns = ("id", "email", "name", "tier", "active", "permissions", "created_at")
    rows = [{name: facts[name] for name in columns} for facts in found]
    print_rows(rows, nothing=_("No users yet: flask users create"))


@group.command()
@click.argument("user")
@as_json_option
def show(user: str, as_json: bool) -> None:
    """Show one user, named by e-mail or id.

    \b
    Example:
      flask users show ada@example.com
    """
    facts = _facts(users.find(user))
    if as_json:
        print_json(facts)
    else:
        print_rows([{"what": name, "value": value} for name, value in facts.items()])


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError(_("There is no terminal to ask for the password; use --password-stdin."))
    return str(click.prompt(_("Password"), hide_input=True, confirmation_prompt=True))


def _facts(user: User) -> dict[str, Any]:
    names = ("email", "email_confirmed", "name", "phone", "external_id", "locale", "time_zone", "tier", "permissions")
    facts = {name: user[name] for name in names} | {"permissions": list(user.permissions)}
    times = {"created_at": user.created_at, "last_seen_at": user.last_seen_at}
    return {"id": str(user.id), **facts, "active": user.active, **times}
