"""`flask users`: the people, from the command line. The first admin is made here."""

import sys
from typing import Any

import click
from bson import ObjectId
from flask_babel import gettext as _

from app.cli.output import Commands, Id, as_json_option, ask, operator, print_json, print_rows, yes_option
from app.models.permission import ROLES
from app.models.user import User
from app.services import two_factor, user_changes, users

group = Commands("users", help="Make, show and change users.")


_user = click.argument("user")
_role = click.argument("role", type=click.Choice(list(ROLES)))
_stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of the standard input."
)


@group.command()
@click.argument("email")
@click.option("--name", default="", help="What the user is called.")
@click.option("--tier", help="A tier of the TIERS setting.  [default: DEFAULT_TIER]")
@click.option("--role", "roles", multiple=True, type=click.Choice(list(ROLES)), help="May be given more than once.")
@_stdin_option
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
@click.option("--before", type=Id(), help="Only users made before this one: the last id of the page before.")
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
@_user
@as_json_option
def show(user: str, as_json: bool) -> None:
    """Show one user, named by e-mail, phone, id or external:ID.

    \b
    Example:
      flask users show ada@example.com
    """
    facts = _facts(users.find(user))
    if as_json:
        print_json(facts)
    else:
        print_rows([{"what": name, "value": value} for name, value in facts.items()])


@group.command("set-password")
@_user
@_stdin_option
def set_password(user: str, password_stdin: bool) -> None:
    """Give a user a new password, and end all their sessions. The password is asked for.

    \b
    Example:
      flask users set-password ada@example.com
    """
    found = users.find(user)
    changed = user_changes.set_password(found.id, _password(password_stdin), by=operator())
    click.echo(_("%(email)s has a new password, and is signed out everywhere.", email=changed.email))


@group.command("set-tier")
@_user
@click.argument("tier")
@click.option("--reason", default="", help="Why; kept in the audit trail.")
def set_tier(user: str, tier: str, reason: str) -> None:
    """Put a user on another tier. The new limit counts at once; what is used stays.

    \b
    Example:
      flask users set-tier ada@example.com pro --reason "Bought the team plan"
    """
    changed = user_changes.set_tier(users.find(user).id, tier, by=operator(), reason=reason)
    click.echo(_("%(email)s is on the tier %(tier)s.", email=changed.email, tier=changed.tier))


@group.command("grant-role")
@_user
@_role
def grant_role(user: str, role: str) -> None:
    """Give a user the permissions of a role. The user has to sign in again.

    \b
    Example:
      flask users grant-role ada@example.com reviewer
    """
    _say_permissions(user_changes.grant_role(users.find(user).id, role, by=operator()))


@group.command("revoke-role")
@_user
@_role
def revoke_role(user: str, role: str) -> None:
    """Take the permissions of a role from a user. The user has to sign in again.

    \b
    Example:
      flask users revoke-role ada@example.com reviewer
    """
    _say_permissions(user_changes.revoke_role(users.find(user).id, role, by=operator()))


@group.command()
@_user
@yes_option
def deactivate(user: str, yes: bool) -> None:
    """Shut a user out: sessions end, API keys stop working, nobody signs in as them any more.

    \b
    Example:
      flask users deactivate ada@example.com --yes
    """
    found = users.find(user)
    ask(_("Deactivate %(email)s?", email=found.email), yes=yes)
    user_changes.deactivate(found.id, by=operator())
    click.echo(_("%(email)s is deactivated.", email=found.email))


@group.command()
@_user
def activate(user: str) -> None:
    """Let a deactivated user in again, with the password, keys and permissions of before.

    \b
    Example:
      flask users activate ada@example.com
    """
    found = users.find(user)
    user_changes.activate(found.id, by=operator())
    click.echo(_("%(email)s is active.", email=found.email))


@group.command("reset-two-factor")
@_user
@yes_option
def reset_two_factor(user: str, yes: bool) -> None:
    """Turn off two-factor sign-in for a user who lost app and recovery codes, and end all their sessions.

    Make sure that it is them who ask: afterwards their password alone signs in.

    \b
    Example:
      flask users reset-two-factor ada@example.com --yes
    """
    found = users.find(user)
    ask(_("Turn off two-factor sign-in for %(email)s?", email=found.email), yes=yes)
    two_factor.reset(found.id, by=operator())
    click.echo(_("Two-factor sign-in is off for %(email)s, who is signed out everywhere.", email=found.email))


@group.command("confirm-email")
@_user
def confirm_email(user: str) -> None:
    """Say that a user's e-mail address is theirs; they get the initial tokens where these waited for it.

    \b
    Example:
      flask users confirm-email ada@example.com
    """
    confirmed = user_changes.confirm_email(users.find(user).id, by=operator())
    click.echo(_("The address %(email)s is confirmed.", email=confirmed.email))


def _say_permissions(user: User) -> None:
    held = ", ".join(user.permissions) or _("no permissions")
    click.echo(_("%(email)s holds: %(held)s.", email=user.email, held=held))


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
    return {"id": str(user.id), **facts, "two_factor": user.has_two_factor, "active": user.active, **times}
