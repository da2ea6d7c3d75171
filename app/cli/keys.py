"""`flask keys`: API keys, from the command line, where they are made for anybody."""

from datetime import timedelta
from typing import Any

import click
from bson import ObjectId
from flask_babel import gettext as _

from app import clock
from app.cli.output import WHO, Commands, Id, as_json_option, ask, operator, print_json, print_rows, yes_option
from app.models.api_key import SCOPES, ApiKey
from app.models.person import Person
from app.services import api_keys, users

group = Commands("keys", help="Make, list and revoke API keys.")

LONGEST_LIFE = 3_650


@group.command()
@click.argument("owner")
@click.option("--name", required=True, help="Which program will use it.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="May be given more than once."
)
@click.option("--days", type=click.IntRange(1, LONGEST_LIFE), help="After how many days it expires.  [default: never]")
@as_json_option
def create(owner: str, name: str, scopes: tuple[str, ...], days: int | None, as_json: bool) -> None:
    """Make a key for OWNER, named by e-mail, phone, id or external:ID.

    The secret is printed now, alone on the standard output, and never again.

    It acts as the owner (scope self), or for others (scopes that are permissions), but never does what the owner may not.
    The scopes usage.write and users.sign_in are for host products, and need no permission of the owner.

    \b
    Example:
      flask keys create product@example.com --name "Our product" --scope usage.write --days 365
    """
    user = users.find(owner)
    expires_at = clock.now() + timedelta(days=days) if days else None
    api_key, secret = api_keys.create(user.id, name=name, scopes=scopes, expires_at=expires_at, by=operator())
    if as_json:
        print_json(_facts(api_key, user) | {"secret": secret})
        return
    made = _("Made the key “%(name)s” (%(id)s) for %(email)s.", name=api_key.name, id=api_key.id, email=user.email)
    click.echo(made, err=True)
    click.echo(_("Copy the secret now; nobody can tell it again:"), err=True)
    click.echo(secret)


@group.command("list")
@click.option("--owner", help=f"Only the keys of this user, {WHO}.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=Id(), help="Only keys made before this one: the last id of the page before.")
@as_json_option
def list_(owner: str | None, limit: int, before: ObjectId | None, as_json: bool) -> None:
    """List API keys, newest first; the secrets are not kept.

    \b
    Example:
      flask keys list --owner ada@example.com
    """
    user = users.find(owner) if owner else None
    found = api_keys.page(owner=user.id if user else None, before=before, limit=limit)
    owners = users.by_ids(api_key.owner for api_key in found)
    facts = [_facts(api_key, owners.get(api_key.owner)) for api_key in found]
    if as_json:
        print_json(facts)
        return
    columns = ("id", "prefix", "name", "owner", "scopes", "state", "expires_at", "last_used_at")
    print_rows([{name: one[name] for name in columns} for one in facts], nothing=_("No keys yet: flask keys create"))


@group.command()
@click.argument("key_id", type=Id(), metavar="ID")
@yes_option
def revoke(key_id: ObjectId, yes: bool) -> None:
    """Revoke the key with this id: the programs that use it stop working at once.

    \b
    Example:
      flask keys revoke 6b00df2e7986fd79a8ed344e --yes
    """
    api_key = api_keys.get(key_id)
    ask(_("Revoke the key “%(name)s” (%(prefix)s…)?", name=api_key.name, prefix=api_key.prefix), yes=yes)
    api_keys.revoke(key_id, by=operator())
    click.echo(_("The key “%(name)s” is revoked.", name=api_key.name))


def _facts(api_key: ApiKey, owner: Person | None) -> dict[str, Any]:
    names = ("prefix", "name", "state", "created_at", "expires_at", "revoked_at", "last_used_at")
    facts = {name: getattr(api_key, name) for name in names}
    whose = {"owner": owner.email if owner else None, "owner_id": str(api_key.owner)}
    return {"id": str(api_key.id), **facts, **whose, "scopes": list(api_key.scopes)}
