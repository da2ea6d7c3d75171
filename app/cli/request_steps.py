"""`flask requests ask|reopen|revoke|note|expire|finish`: what is done to one request, and what time and mending do to many."""

import click
from flask_babel import gettext as _

from app.cli.output import operator
from app.cli.requests import group
from app.models.domain_error import DomainError
from app.models.token_request import TokenRequest
from app.services import expiry, review, revocations, token_requests


@group.command()
@click.argument("number")
@click.option("--question", required=True, help="What the user is asked, up to 500 characters.")
def ask(number: str, question: str) -> None:
    """Ask the user something; the request waits for the answer.

    \b
    Example:
      flask requests ask 1 --question "What is it for?"
    """
    say(review.ask(token_requests.find(number), by=operator(), question=question))


@group.command()
@click.argument("number")
@click.option("--note", required=True, help="Why; the user does not see it.")
def reopen(number: str, note: str) -> None:
    """Take a rejection back, or a mark as spam: the request is pending again.

    \b
    Example:
      flask requests reopen 1 --note "The customer called."
    """
    say(review.reopen(token_requests.find(number), by=operator(), note=note))


@group.command()
@click.argument("number")
@click.option("--reason", required=True, help="Why; the user reads it.")
def revoke(number: str, reason: str) -> None:
    """Take an approval back, and what is left of what it gave.

    \b
    Example:
      flask requests revoke 1 --reason "Approved by mistake."
    """
    token_request = review.revoke(token_requests.find(number), by=operator(), reason=reason)
    say(token_request)
    if back := revocations.outcome(token_request):
        click.echo(_("%(taken)s of %(given)s tokens came back.", taken=f"{back.taken:,}", given=f"{back.given:,}"))
        if back.missing:
            missing = f"{back.missing:,}"
            click.echo(_("%(missing)s could not be taken: they are spent, held or have expired.", missing=missing))


@group.command()
@click.argument("number")
@click.option("--text", required=True, help="What other reviewers should know; the user does not see it.")
def note(number: str, text: str) -> None:
    """Keep an internal note with a request.

    \b
    Example:
      flask requests note 1 --text "Known from the conference."
    """
    token_request = review.add_note(token_requests.find(number), by=operator(), text=text)
    click.echo(_("The note is kept with request #%(number)s.", number=token_request.number))


@group.command()
def expire() -> None:
    """End the requests that have waited too long, and send the reminders that are due, as the worker does.

    \b
    Example:
      flask requests expire
    """
    click.echo(_("%(count)s expired.", count=expiry.wake_all()))


@group.command()
@click.argument("numbers", nargs=-1)
def finish(numbers: tuple[str, ...]) -> None:
    """Do what decisions brought and could not be done; all stuck requests where no NUMBERS are given.

    \b
    Example:
      flask requests finish 1
    """
    found = [token_requests.find(number) for number in numbers] if numbers else token_requests.all_stuck()
    done, left = 0, []
    for one in found:
        if review.retry(one, by=operator()):
            done += 1
        else:
            left.append(one.number)
    click.echo(_("%(count)s finished.", count=done))
    if left:
        still = ", ".join(f"#{number}" for number in left)
        raise DomainError(_("Still stuck: %(still)s. `flask requests list --stuck` says why.", still=still))


def say(token_request: TokenRequest) -> None:
    """Where the request stands now, and whether something that follows is still to be done."""
    click.echo(_("Request #%(number)s is %(status)s.", number=token_request.number, status=token_request.status))
    # What was returned stands as it was decided; what came of it since is read.
    if token_requests.by_id(token_request.id).failed_items:
        click.echo(_("Something that follows could not be done yet; see `flask requests list --stuck`."), err=True)
