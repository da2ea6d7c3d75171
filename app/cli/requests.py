"""`flask requests`: the desk, from the command line; deciding is in the modules beside this one."""

from datetime import date
from typing import Any

import click
from flask_babel import gettext as _

from app import clock
from app.cli import request_export, request_stats
from app.cli.day import Day
from app.cli.output import Commands, as_json_option, print_json, print_rows
from app.cli.request_filters import (
    SINCE_HELP,
    chains_option,
    filters,
    kinds_option,
    statuses_option,
    until_option,
    user_option,
)
from app.models.token_request import TokenRequest
from app.services import desk, token_requests, users

group = Commands("requests", help="List and decide requests.")
group.add_command(request_stats.stats)
group.add_command(request_export.export)


@group.command("list")
@statuses_option
@kinds_option
@chains_option
@user_option
@click.option("--since", "first", type=Day(), help=SINCE_HELP)
@until_option
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=click.IntRange(1), help="Only requests before this number.")
@click.option(
    "--stuck", is_flag=True, help="Only those of which something that follows could not be done, with the reason."
)
@as_json_option
def list_(
    statuses: tuple[str, ...],
    kinds: tuple[str, ...],
    chains: tuple[str, ...],
    user: str | None,
    first: date | None,
    last: date | None,
    limit: int,
    before: int | None,
    stuck: bool,
    as_json: bool,
) -> None:
    """List requests, newest first.

    \b
    Example:
      flask requests list --status pending --kind quota --since 2026-01-31
    """
    chosen = filters(kinds=kinds, statuses=statuses, chains=chains, user=user, first=first, last=last)
    if stuck and (before or chosen != desk.Filters()):
        raise click.UsageError(_("--stuck lists all of them: leave the other filters out."))
    found = token_requests.all_stuck() if stuck else desk.page(chosen, before=before, limit=limit)
    # Of all that are stuck only what is shown is kept, not the documents.
    shown = [
        (one.user, _row(one), {"why": "; ".join(i["failed"] for i in one.failed_items)} if stuck else {})
        for one in found
    ]
    people = users.by_ids({user for user, _facts, _why in shown})
    rows = [{**facts, "user": people[user].email if user in people else str(user), **why} for user, facts, why in shown]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, nothing=_("No requests."))


@group.command()
@click.argument("number")
@as_json_option
def show(number: str, as_json: bool) -> None:
    """Show one request, named by number or id.

    \b
    Example:
      flask requests show 1
    """
    token_request = token_requests.find(number)
    decision = token_request.decision or {}
    user = users.by_ids([token_request.user]).get(token_request.user)
    facts = _row(token_request) | {
        "id": token_request.id,
        "user": user.email if user else str(token_request.user),
        **_of_token(token_request),
        "reason": token_request.reason,
        "used_when_submitted": token_request.usage.get("token_count"),
        "decided_by": decision.get("by", {}).get("name"),
        "response": decision.get("response"),
        "granted": token_request.granted,
        "in_hand_of": token_request.reserved_by(clock.now()),
        "question": token_request.question,
        "notes": [f"{note['by']['name']}: {note['text']}" for note in token_request.notes],
    }
    if as_json:
        print_json(facts | {"history": [dict(step) for step in token_request.history]})
    else:
        print_rows([{"what": name, "value": value} for name, value in facts.items()])


def _of_token(token_request: TokenRequest) -> dict[str, Any]:
    """What it says of a crypto token, where it is about one."""
    if not token_request.blockchain:
        return {}
    names = ("token_symbol", "token_name", "blockchain", "contract_address", "decimals")
    said = [f"{name}: {value}" for name, value in token_request.additional_info.items()]
    return {name: token_request[name] for name in names} | {"additional_info": said}


def _row(token_request: TokenRequest) -> dict[str, Any]:
    names = ("number", "kind", "status", "submitted_at")
    return {name: token_request[name] for name in names} | {"waiting": len(token_request.due)}
