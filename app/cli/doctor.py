"""`flask doctor`: what is wrong with this installation, and what to do about it."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict

import click
from flask import current_app
from flask_babel import gettext as _

import config
from app import db
from app.cli.examination import Finding, database, outside, work
from app.cli.output import as_json_option, print_json

MARKS = {"ok": "ok  ", "warning": "warn", "problem": "FAIL"}


@click.command("doctor")
@as_json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look at settings, database, worker and the servers of others; exit code 1 where something is wrong, 0 with warnings only.

    \b
    Example:
      flask doctor --json
    """
    findings = list(examine())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            remedy = f" ({finding.remedy})" if finding.remedy else ""
            click.echo(f"{MARKS[finding.state]}  {finding.what}: {finding.text}{remedy}")
    context.exit(1 if any(finding.state == "problem" for finding in findings) else 0)


def examine() -> Iterator[Finding]:
    """Everything that can be looked at; without a database that answers, only what needs none."""
    yield Finding("Python", "ok", sys.version.split()[0])
    yield from _settings()
    try:
        db.ping()
    except Exception as error:
        # What the driver says of all its servers follows the reason, and helps nobody here.
        why = str(error).partition(" (configured timeouts")[0][:200]
        text = _("does not answer at %(hosts)s: %(why)s", hosts=db.hosts(), why=why)
        yield Finding("MongoDB", "problem", text, _("start it, or correct MONGODB_URI"))
    else:
        for name, check in _OF_THE_DATABASE.items():
            yield from _examined(name, check)
        yield from _examined("chat", outside.chat)
    yield from _examined("payment", outside.payment)
    yield from _examined("mail", outside.mails)


_OF_THE_DATABASE: dict[str, Callable[[], Finding | Iterator[Finding]]] = {
    "MongoDB": database.version,
    "replica set": database.replica_set,
    "majority": database.majority,
    "clock": database.times,
    "structure": database.structure,
    "disk": database.disk,
    "worker": work.findings,
}


def _examined(what: str, check: Callable[[], Finding | Iterator[Finding]]) -> Iterator[Finding]:
    try:
        found = check()
        yield from [found] if isinstance(found, Finding) else found
    except Exception as error:
        yield Finding(what, "problem", f"{type(error).__name__}: {str(error)[:200]}")


def _settings() -> Iterator[Finding]:
    """What production would need: with problems of this environment nothing starts, this command included."""
    environment = current_app.config["ENVIRONMENT"]
    missing = [] if environment == "production" else config.Production().problems()
    yield Finding("settings", "ok", environment)
    for problem in missing:
        yield Finding("production", "warning", problem)
    if environment == "production" and not current_app.config["MAIL_SERVER"]:
        text = _("without MAIL_SERVER nobody can reset a forgotten password")
        yield Finding("settings", "warning", text, _("set it, or reset passwords with: flask users set-password"))
