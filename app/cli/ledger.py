"""`flask ledger`: what happened to every token, and the proof that it adds up."""

import sys
from typing import Any

import click
from flask_babel import gettext as _

from app.cli.export_file import format_option, output_option, write
from app.cli.output import WHO, Commands, as_json_option, operator, print_json, print_rows
from app.models.account import EntryType
from app.services import ledger, ledger_export, ledger_verify, users

group = Commands("ledger", help="Read and prove the ledger.")

type_option = click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice([str(one) for one in EntryType]),
    help="May be given more than once.",
)
holds_option = click.option(
    "--with-holds", is_flag=True, help="Holds and releases too, which change no balance. Not needed beside --type."
)


@group.command()
@click.argument("user")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option(
    "--before", type=click.IntRange(1), help="Only entries before this number: the last one of the page before."
)
@type_option
@holds_option
@as_json_option
def history(user: str, limit: int, before: int | None, types: tuple[str, ...], with_holds: bool, as_json: bool) -> None:
    """Show the ledger of a user, named by e-mail, phone, id or external:ID, newest first.

    \b
    Example:
      flask ledger history ada@example.com --limit 20
    """
    user_id = users.find(user).id
    found = ledger.history(user_id, types=_types(types), with_holds=with_holds, before_seq=before, limit=limit)
    entries = [_facts(entry) for entry in found]
    if as_json:
        print_json(entries)
    else:
        print_rows(entries, nothing=_("No such entries."))


@group.command()
@click.argument("user")
@format_option
@output_option
@type_option
@holds_option
def export(user: str, format_: str, output: str, types: tuple[str, ...], with_holds: bool) -> None:
    """Write down the whole ledger of a user, named by e-mail, phone, id or external:ID, oldest first. The audit trail keeps it.

    \b
    Example:
      flask ledger export ada@example.com --format csv --output ada.csv
    """
    chosen = ledger.choice(_types(types), with_holds=with_holds)
    entries = ledger_export.rows(users.find(user).id, chosen, by=operator())
    write(output, format_, entries, ledger_export.COLUMNS)


@group.command()
@click.option("--user", help=f"Only the account of this user, {WHO}.")
def verify(user: str | None) -> None:
    """Prove that every account is what its entries make it, without a gap; the exit code is 1 where one is not.

    Others may write meanwhile.

    \b
    Example:
      flask ledger verify
    """
    ids = [users.find(user).id] if user else None
    wrong, checked = 0, 0
    length = 1 if user else ledger_verify.count()
    with click.progressbar(length=length, label=_("Verifying"), file=sys.stderr) as bar:
        problems = []
        for account_id, problem in ledger_verify.verify(ids):
            checked += 1
            bar.update(1)
            if problem:
                wrong += 1
                problems.append(f"{account_id}: {problem}")
    for line in problems[:20]:
        click.echo(line, err=True)
    if wrong:
        raise click.ClickException(_("%(wrong)s of %(checked)s accounts are wrong.", wrong=wrong, checked=checked))
    click.echo(_("%(checked)s accounts, each as its entries make it.", checked=checked))


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    names = ("seq", "at", "type", "amount", "before", "after", "description")
    return {**{name: entry[name] for name in names}, "by": entry["by"]["name"], "key": entry.get("key")}


def _types(chosen: tuple[str, ...]) -> list[EntryType] | None:
    return [EntryType(one) for one in chosen] or None
