"""`flask requests approve|reject|spam|delete`: decisions on one request, or on up to 1,000 as one batch."""

import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import click
from flask_babel import gettext as _
from flask_babel import ngettext

from app.cli.output import as_json_option, operator, print_json, print_rows, yes_option
from app.cli.output import ask as ask_operator
from app.cli.request_steps import say
from app.cli.requests import group
from app.models.domain_error import DomainError
from app.models.review_batch import DONE, BatchAction
from app.services import request_kinds, review, review_batches, token_requests
from app.services.review_batches import MOST_ROWS, Selected

_NUMBER = re.compile(r"[0-9]{1,15}")
STDIN = "-"
WOULD = "would be done"
# The names of the steps where an operator is asked whether many are meant.
QUESTIONS: dict[BatchAction, Callable[[int], str]] = {
    BatchAction.APPROVE: lambda n: ngettext("Approve %(num)s request?", "Approve %(num)s requests?", n),
    BatchAction.REJECT: lambda n: ngettext("Reject %(num)s request?", "Reject %(num)s requests?", n),
    BatchAction.SPAM: lambda n: ngettext("Mark %(num)s request as spam?", "Mark %(num)s requests as spam?", n),
    BatchAction.DELETE: lambda n: ngettext("Delete %(num)s request for good?", "Delete %(num)s requests for good?", n),
}

_numbers = click.argument("numbers", nargs=-1, required=True)
_note = click.option("--note", default="", help="An internal note; the user does not see it.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would become of each.")


@group.command()
@_numbers
@click.option("--response", default="", help="What the users are told, up to 500 characters.")
@click.option("--granted", type=click.IntRange(1, 1_000_000_000), help="How many tokens, for beta requests.")
@_note
@_dry_run
@yes_option
@as_json_option
def approve(
    numbers: tuple[str, ...],
    response: str,
    granted: int | None,
    note: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Approve requests: the users get what was asked for. NUMBERS may be - for numbers on the standard input.

    More than one number is one batch: each row is decided on its own, and all have one batch in the audit trail.

    \b
    Example:
      flask requests approve 1 --response "Good luck with the talk."
    """
    if granted is not None and len(numbers) == 1 and numbers != (STDIN,):
        # What is chosen for many counts for the kinds that have it; of one it is refused where the kind has nothing to choose.
        request_kinds.granted(token_requests.find(numbers[0]).kind, granted)
    one = partial(review.approve, response=response, granted=granted, note=note)
    wishes = {"response": response, "granted": granted, "note": note}
    _decide(BatchAction.APPROVE, numbers, one, wishes, dry_run=dry_run, yes=yes, as_json=as_json)


@group.command()
@_numbers
@click.option("--response", default="", help="What the users are told; required for quota requests.")
@_note
@_dry_run
@yes_option
@as_json_option
def reject(numbers: tuple[str, ...], response: str, note: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Reject requests, with a reason that the users read. NUMBERS may be - for numbers on the standard input.

    \b
    Example:
      flask requests reject 1 --response "Please wait for Monday."
    """
    one = partial(review.reject, response=response, note=note)
    wishes = {"response": response, "note": note}
    _decide(BatchAction.REJECT, numbers, one, wishes, dry_run=dry_run, yes=yes, as_json=as_json)


@group.command()
@_numbers
@_note
@_dry_run
@yes_option
@as_json_option
def spam(numbers: tuple[str, ...], note: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Mark requests as spam. NUMBERS may be - for numbers on the standard input.

    \b
    Example:
      flask requests spam 1 2 3 --yes
    """
    one = partial(review.mark_spam, note=note)
    _decide(BatchAction.SPAM, numbers, one, {"note": note}, dry_run=dry_run, yes=yes, as_json=as_json)


@group.command()
@_numbers
@click.option("--reason", default="", help="Why; kept in the audit trail.")
@_dry_run
@yes_option
@as_json_option
def delete(numbers: tuple[str, ...], reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete requests for good that have been rejected or spam for 30 days. The audit trail stays.

    \b
    Example:
      flask requests delete 1 2 --yes
    """
    _decide(BatchAction.DELETE, numbers, None, {"note": reason}, dry_run=dry_run, yes=yes, as_json=as_json)


def _decide(
    action: BatchAction,
    words: tuple[str, ...],
    one: Callable[..., Any] | None,
    wishes: dict[str, Any],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """One request by the step `one` where there is such, more of them as a batch."""
    if one and len(words) == 1 and words != (STDIN,) and not (dry_run or as_json):
        say(one(token_requests.find(words[0]), by=operator()))
        return
    selected = _selected(words)
    if dry_run:
        _foretell(selected, action, wishes, as_json=as_json)
        return
    if len(selected) > 1 or one is None:
        if STDIN in words and not yes:
            raise click.UsageError(_("The numbers come from the standard input, so nobody can be asked; use --yes."))
        ask_operator(QUESTIONS[action](len(selected)), yes=yes)
    _perform(selected, action, wishes, as_json=as_json)


def _selected(words: tuple[str, ...]) -> list[Selected]:
    """The numbers, without repeats; those of the standard input in the place of the dash."""
    numbers: dict[int, Selected] = {}
    for word in words:
        for number in sys.stdin.read().split() if word == STDIN else [word]:
            if not _NUMBER.fullmatch(number):
                raise click.UsageError(_("%(word)s is not a number of a request.", word=repr(number)))
            numbers[int(number)] = Selected(int(number))
    if not 1 <= len(numbers) <= MOST_ROWS:
        raise click.UsageError(_("Name 1 to %(most)s requests.", most=f"{MOST_ROWS:,}"))
    return list(numbers.values())


def _foretell(selected: list[Selected], action: BatchAction, wishes: dict[str, Any], *, as_json: bool) -> None:
    told = review_batches.forecast(selected, action, by=operator(), **wishes)
    rows = [_row(one.number, one.refusal.code if one.refusal else WOULD, one.refusal) for one in told]
    _print(rows, None, as_json=as_json)
    _fail_where_refused(sum(one.refusal is not None for one in told), len(told))


def _perform(selected: list[Selected], action: BatchAction, wishes: dict[str, Any], *, as_json: bool) -> None:
    batch = review_batches.start(selected, action, by=operator(), **wishes)
    done = review_batches.perform(batch)
    with click.progressbar(done, length=len(selected), label=_("Deciding"), file=sys.stderr) as bar:
        for _row_done in bar:
            pass
    batch = review_batches.get(batch.id, by=operator())
    rows = [_row(row["number"], row["outcome"] or "left", review_batches.refusal_of(row)) for row in batch.rows]
    _print(rows, str(batch.id), as_json=as_json)
    _fail_where_refused(len(batch.rows) - len(batch.done), len(batch.rows))


def _row(number: int, outcome: str, refusal: DomainError | None) -> dict[str, Any]:
    said = "; ".join(text for texts in refusal.errors.values() for text in texts) or str(refusal) if refusal else None
    return {"number": number, "outcome": outcome, "why": said}


def _print(rows: list[dict[str, Any]], batch: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"batch": batch, "rows": rows})
        return
    print_rows(rows)
    done = sum(row["outcome"] in (DONE, WOULD) for row in rows)
    click.echo(_("%(done)s of %(all)s.", done=done, all=len(rows)) + (f" {_('Batch')} {batch}" if batch else ""))


def _fail_where_refused(refused: int, of: int) -> None:
    if refused:
        raise DomainError(_("%(refused)s of %(all)s were not done.", refused=refused, all=of))
