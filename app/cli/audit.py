"""`flask audit`: the trail of who changed what, and the proof that nobody changed the trail."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import date
from typing import Any, TypeVar

import click
from bson import ObjectId
from flask_babel import gettext as _

from app import db
from app.cli.day import Day, begin_of, end_of
from app.cli.export_file import format_option, output_option, write
from app.cli.output import Commands, Id, as_json_option, operator, print_json, print_rows
from app.models.audit_event import Action
from app.services import audit_anchors, audit_sealing, audit_trail, audit_verify

group = Commands("audit", help="Read, seal and prove the audit trail.")

Command = TypeVar("Command", bound=Callable[..., Any])


def filter_options(command: Command) -> Command:
    """The options that narrow the trail; they arrive as `actor`, `action`, `object_`, `first` and `last`."""
    options: Iterable[Callable[[Any], Any]] = (
        click.option(
            "--actor", default="", help="What this user, key or operator did: an e-mail, a phone, a name or an id."
        ),
        click.option("--action", type=click.Choice([str(one) for one in Action]), help="Only this."),
        click.option(
            "--object", "object_", default="", help="What was done to this: a number (#42), an id, or a user."
        ),
        click.option("--from", "first", type=Day(), help="Only what was done on this day or later, in TIME_ZONE."),
        click.option("--until", "last", type=Day(), help="Only what was done on this day or earlier, in TIME_ZONE."),
    )
    for option in reversed(list(options)):
        command = option(command)
    return command


@group.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=Id(), help="Only older ones than this: the last id of the page before.")
@as_json_option
def list_(limit: int, before: ObjectId | None, as_json: bool, **narrowed: Any) -> None:
    """List the trail, newest first; the last column is the event's number in the chain.

    \b
    Example:
      flask audit list --actor ada@example.com --from 2026-11-01
    """
    found = audit_trail.page(_filters(**narrowed), before=before, limit=limit, by=operator())
    if as_json:
        print_json([_without_salts(event) for event in found])
    else:
        print_rows(map(_row, found), nothing=_("No such events."))


@group.command()
@format_option
@output_option
@filter_options
def export(format_: str, output: str, **narrowed: Any) -> None:
    """Write down the trail, newest first. That is an event itself.

    \b
    Example:
      flask audit export --format jsonl --from 2026-11-01 --output november.jsonl
    """
    rows = audit_trail.rows(_filters(**narrowed), by=operator())
    write(output, format_, rows, audit_trail.COLUMNS)


@group.command()
def seal() -> None:
    """Seal what is not sealed yet, and print an anchor: keep it where nobody who has the database can change it.

    The worker does the same all the time, with an anchor every ten minutes.

    \b
    Example:
      flask audit seal
    """
    with db.slow(), click.progressbar(length=audit_sealing.count_waiting(), label=_("Sealing"), file=sys.stderr) as bar:
        while audit_sealing.is_waiting():
            bar.update(audit_sealing.seal_waiting(batches=1))
    if anchor := audit_anchors.drop():
        click.echo(anchor.line())


@group.command()
@click.option("--anchors", type=click.Path(dir_okay=False), help="A file of anchors that was kept elsewhere.")
@as_json_option
def verify(anchors: str | None, as_json: bool) -> None:
    """Prove that every sealed event is there as it was sealed; the exit code is 1, and the first wrong one is named, if not.

    Others may write meanwhile. That the end was cut off shows up to the last anchor.

    \b
    Example:
      flask audit verify --anchors anchors.txt
    """
    outside = _outside(anchors) if anchors else []
    with click.progressbar(length=audit_verify.count(), label=_("Verifying"), file=sys.stderr) as bar:
        report = audit_verify.verify(outside=outside, step=bar.update)
    problem = report.problem
    if as_json:
        print_json({"ok": problem is None, **asdict(report)})
    if problem:
        where = {"seq": problem.seq, "event": problem.event or "-", "what": problem.what}
        raise click.ClickException(_("Number %(seq)s of the chain (event %(event)s): %(what)s.", **where))
    if not as_json:
        counts = {"sealed": report.sealed, "anchors": report.anchors, "erased": report.erased}
        click.echo(_("Events, each as it was sealed: %(sealed)s; anchors that agree: %(anchors)s.", **counts))
        click.echo(_("Not sealed yet: %(waiting)s. With erased texts: %(erased)s.", waiting=report.waiting, **counts))


def _outside(path: str) -> list[audit_anchors.Anchor]:
    try:
        with click.open_file(path, encoding="utf-8", errors="replace") as lines:
            return list(audit_anchors.read(lines))
    except OSError as error:
        raise click.FileError(path, error.strerror) from None


def _filters(
    *, actor: str, action: str | None, object_: str, first: date | None, last: date | None
) -> audit_trail.Filters:
    chosen = Action(action) if action else None
    return audit_trail.filters(actor=actor, action=chosen, object=object_, since=begin_of(first), until=end_of(last))


def _row(event: dict[str, Any]) -> dict[str, Any]:
    changed = event["object"]
    what = f"#{changed['number']}" if changed.get("number") else changed["id"]
    return {
        **{name: event[name] for name in ("at", "action")},
        "by": f"{event['actor']['kind']} {event['actor']['name']}",
        "object": f"{changed['kind']} {what}",
        "reason": event.get("reason"),
        "id": event["_id"],
        "seq": event.get("seq"),
    }


def _without_salts(event: dict[str, Any]) -> dict[str, Any]:
    return {"id": event["_id"], **{name: value for name, value in event.items() if name not in ("_id", "salts")}}
