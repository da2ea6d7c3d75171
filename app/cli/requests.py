"""`flask requests`: the desk, from the command line."""

from typing import Any

import click
from flask_babel import gettext as _

from app.cli.output import Commands, as_json_option, operator, print_json, print_rows
from app.models.domain_error import DomainError
from app.models.token_request import Status, TokenRequest
from app.services import due, review, token_requests, users

group = Commands("requests", help="List and decide requests.")


@group.command("list")
@click.option("--status", type=click.Choice([status.value for status in Status]), help="Only these.  [default: all]")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=click.IntRange(1), help="Only requests before this number.")
@click.option(
    "--stuck", is_flag=True, help="Only those of which something that follows could not be done, with the reason."
)
@as_json_option
def list_(status: str | None, limit: int, before: int | None, stuck: bool, as_json: bool) -> None:
    """List requests, newest first.

    \b
    Example:
      flask requests list --status pending
    """
    if stuck:
        found = token_requests.stuck()
    else:
        found = token_requests.desk_page(status=Status(status) if status else None, before=before, limit=limit)
    people = users.by_ids(one.user for one in found)
    rows = [{**_row(one), "user": people[one.user].email if one.user in people else str(one.user)} for one in found]
    if stuck:
        rows = [
            row | {"why": "; ".join(i["failed"] for i in one.failed_items)}
            for row, one in zip(rows, found, strict=True)
        ]
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
    facts = _row(token_request) | {
        "id": token_request.id,
        "user": users.get(token_request.user).email,
        "reason": token_request.reason,
        "used_when_submitted": token_request.usage.get("token_count"),
        "decided_by": decision.get("by", {}).get("name"),
        "response": decision.get("response"),
    }
    if as_json:
        print_json(facts | {"history": [dict(step) for step in token_request.history]})
    else:
        print_rows([{"what": name, "value": value} for name, value in facts.items()])


@group.command()
@click.argument("number")
@click.option("--response", default="", help="What the user is told, up to 500 characters.")
def approve(number: str, response: str) -> None:
    """Approve a request: the user gets what was asked for.

    \b
    Example:
      flask requests approve 1 --response "Good luck with the talk."
    """
    _say(review.approve(token_requests.find(number), by=operator(), response=response))


@group.command()
@click.argument("number")
@click.option("--response", default="", help="What the user is told; required for quota requests.")
def reject(number: str, response: str) -> None:
    """Reject a request, with a reason that the user reads.

    \b
    Example:
      flask requests reject 1 --response "Please wait for Monday."
    """
    _say(review.reject(token_requests.find(number), by=operator(), response=response))


@group.command()
@click.argument("numbers", nargs=-1)
def finish(numbers: tuple[str, ...]) -> None:
    """Do what decisions brought and could not be done; all stuck requests where no NUMBERS are given.

    \b
    Example:
      flask requests finish 1
    """
    found = [token_requests.find(number) for number in numbers] if numbers else token_requests.stuck()
    left = [one.number for one in found if not due.retry_failed(TokenRequest, one.id)]
    click.echo(_("%(count)s finished.", count=len(found) - len(left)))
    if left:
        still = ", ".join(f"#{number}" for number in left)
        raise DomainError(_("Still stuck: %(still)s. `flask requests list --stuck` says why.", still=still))


def _say(token_request: TokenRequest) -> None:
    click.echo(_("Request #%(number)s is %(status)s.", number=token_request.number, status=token_request.status))
    # What was returned stands as it was decided; what came of it since is read.
    if token_requests.by_id(token_request.id).failed_items:
        click.echo(_("Something that follows could not be done yet; see `flask requests list --stuck`."), err=True)


def _row(token_request: TokenRequest) -> dict[str, Any]:
    names = ("number", "kind", "status", "submitted_at")
    return {name: token_request[name] for name in names} | {"waiting": len(token_request.due)}
