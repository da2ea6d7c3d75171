"""`flask catalogue`: what is listed, as a table or as a file, and taking something out."""

from collections.abc import Iterator
from typing import Any

import click
from flask_babel import gettext as _

from app.cli.export_file import format_option, output_option, write
from app.cli.output import Commands, as_json_option, ask, operator, print_json, print_rows, yes_option
from app.models.blockchain import BLOCKCHAINS
from app.models.catalogue_token import CatalogueToken
from app.services import catalogue, catalogue_removal

group = Commands("catalogue", help="See what is listed, and take tokens out.")
COLUMNS = ("number", "symbol", "name", "blockchain", "contract_address", "decimals", "listed_at")
BATCH = 500
# Numbers beyond this are no token's, and more than the database can look for.
NUMBER = click.IntRange(1, 999_999_999_999)

blockchain_option = click.option(
    "--blockchain", type=click.Choice(list(BLOCKCHAINS)), help="Only tokens on this blockchain."
)


@group.command("list")
@blockchain_option
@click.option("--search", default="", help="The beginning of a symbol, or of a word of a name.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=NUMBER, help="Only tokens before this number.")
@as_json_option
def list_(blockchain: str | None, search: str, limit: int, before: int | None, as_json: bool) -> None:
    """List what is in the catalogue, newest first.

    \b
    Example:
      flask catalogue list --blockchain ethereum --search gold
    """
    words = catalogue.words(search)
    found = [_facts(token) for token in catalogue.page(blockchain=blockchain, words=words, before=before, limit=limit)]
    if as_json:
        print_json(found)
        return
    print_rows(found, nothing=_("Nothing is listed."))


@group.command()
@click.argument("number", type=NUMBER)
@click.option("--reason", required=True, help="Why; it stands in the audit trail.")
@yes_option
def remove(number: int, reason: str, yes: bool) -> None:
    """Take the token that request NUMBER has brought out of the catalogue; it can be asked for again.

    \b
    Example:
      flask catalogue remove 42 --reason "The contract was drained." --yes
    """
    token = catalogue.find(number)
    ask(_("Take %(symbol)s (%(name)s) out of the catalogue?", symbol=token.symbol, name=token.name), yes=yes)
    catalogue_removal.remove(token, by=operator(), reason=reason)
    click.echo(_("%(symbol)s is out of the catalogue.", symbol=token.symbol))


@group.command()
@blockchain_option
@format_option
@output_option
def export(blockchain: str | None, format_: str, output: str) -> None:
    """Write the catalogue as a file.

    \b
    Example:
      flask catalogue export --format jsonl --output catalogue.jsonl
    """
    write(output, format_, _all(blockchain), COLUMNS)


def _all(blockchain: str | None) -> Iterator[dict[str, Any]]:
    """What is listed, newest first, read in batches while it is written."""
    before = None
    while batch := catalogue.page(blockchain=blockchain, before=before, limit=BATCH):
        yield from map(_facts, batch)
        before = batch[-1].number


def _facts(token: CatalogueToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in COLUMNS}
