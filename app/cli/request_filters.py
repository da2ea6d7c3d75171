"""What narrows a list of requests at the command line: the same options for each command that makes one."""

from datetime import date

import click

from app.cli.day import Day, begin_of, end_of
from app.cli.output import WHO
from app.models.blockchain import BLOCKCHAINS
from app.models.token_request import Status
from app.services import desk, request_kinds, users

statuses_option = click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([str(one) for one in Status]),
    help="Only these; may be given more than once.  [default: all]",
)
kinds_option = click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(request_kinds.ON_APPROVAL)),
    help="Only these; may be given more than once.  [default: all]",
)
chains_option = click.option(
    "--chain",
    "chains",
    multiple=True,
    type=click.Choice(list(BLOCKCHAINS)),
    help="Only requests for a crypto token on these blockchains; may be given more than once.",
)
user_option = click.option("--user", help=f"Only the requests of this user, {WHO}.")
SINCE_HELP = "Only what was submitted on this day or later, in TIME_ZONE."
until_option = click.option(
    "--until", "last", type=Day(), help="Only what was submitted on this day or earlier, in TIME_ZONE."
)


def filters(
    *,
    kinds: tuple[str, ...],
    statuses: tuple[str, ...],
    chains: tuple[str, ...],
    user: str | None,
    first: date | None,
    last: date | None,
) -> desk.Filters:
    """What these options choose; raises `NotFound` for a user who is none."""
    return desk.Filters(
        kinds=kinds,
        statuses=tuple(Status(one) for one in statuses),
        blockchains=chains,
        users=[users.find(user).id] if user else None,
        since=begin_of(first),
        until=end_of(last),
    )
