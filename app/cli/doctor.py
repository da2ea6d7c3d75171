"""`flask doctor`: what is wrong with this installation, and what to do about it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import click
from flask import current_app
from flask_babel import gettext as _
from mongoengine.connection import get_db

import config
from app import clock, db
from app.cli.output import as_json_option, print_json
from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable, PaymentRefused, PaymentUnavailable
from app.models.message import Failure
from app.models.order import Provider
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import assistants, due, stripe_payments, upstream

# https://www.mongodb.com/legal/support-policy/lifecycles
END_OF_LIFE = {
    "4.4": date(2024, 2, 29),
    "5.0": date(2024, 10, 31),
    "6.0": date(2025, 7, 31),
    "7.0": date(2027, 8, 31),
    "8.0": date(2029, 10, 31),
}
MOST_SKEW = timedelta(seconds=2)
WORKER_SILENCE = timedelta(seconds=30)
MARKS = {"ok": "ok  ", "warning": "warn", "problem": "FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: Literal["ok", "warning", "problem"]
    text: str


@click.command("doctor")
@as_json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look at settings, database and worker; exit code 1 where something is wrong, 0 with warnings only.

    \b
    Example:
      flask doctor --json
    """
    findings = list(examine())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{MARKS[finding.state]}  {finding.what}: {finding.text}")
    context.exit(1 if any(finding.state == "problem" for finding in findings) else 0)


def examine() -> Iterator[Finding]:
    """Everything that can be looked at; a database that does not answer ends the list."""
    yield Finding("Python", "ok", sys.version.split()[0])
    yield _settings()
    try:
        db.ping()
    except Exception as error:
        yield Finding(
            "MongoDB", "problem", _("does not answer at %(hosts)s: %(why)s", hosts=db.hosts(), why=str(error)[:200])
        )
        return
    checks: Iterable[tuple[str, Callable[[], Finding]]] = [
        ("MongoDB", _version),
        ("replica set", _replica_set),
        ("clock", _clock),
        ("structure", _structure),
        ("worker", _worker),
        ("due", _due),
        ("chat", _chat),
        ("payment", _payment),
    ]
    for what, check in checks:
        try:
            yield check()
        except Exception as error:
            yield Finding(what, "problem", f"{type(error).__name__}: {str(error)[:200]}")


def _settings() -> Finding:
    # With problems in the settings of this environment nothing starts, this command included; so these are those of production.
    missing = [] if current_app.config["ENVIRONMENT"] == "production" else config.Production().problems()
    text = current_app.config["ENVIRONMENT"]
    if missing:
        return Finding(
            "settings", "warning", _("%(name)s; for production: %(missing)s", name=text, missing=" ".join(missing))
        )
    return Finding("settings", "ok", text)


def _version() -> Finding:
    version = get_db().client.server_info()["version"]
    end = END_OF_LIFE.get(".".join(version.split(".")[:2]))
    if end and end < clock.now().date():
        text = _("%(version)s is past its end of life (%(end)s): for trial only", version=version, end=end)
        return Finding("MongoDB", "warning", text)
    return Finding("MongoDB", "ok", version)


def _replica_set() -> Finding:
    hello = get_db().client.admin.command("hello")
    if hello.get("msg") == "isdbgrid":
        return Finding("replica set", "ok", "sharded cluster")
    if "setName" not in hello:
        text = _("this MongoDB is standalone, so nothing it acknowledges is safe from a failure; make it a replica set")
        return Finding("replica set", "problem", text)
    return Finding("replica set", "ok", f"{hello['setName']}, {len(hello['hosts'])}")


def _clock() -> Finding:
    before = clock.now()
    server: datetime = get_db().client.admin.command("hello")["localTime"]
    after = clock.now()
    skew = server.astimezone(UTC) - (before + (after - before) / 2)
    state: Literal["ok", "warning"] = "ok" if abs(skew) <= MOST_SKEW + (after - before) else "warning"
    return Finding(
        "clock", state, _("%(seconds)s s between this machine and MongoDB", seconds=f"{skew.total_seconds():.1f}")
    )


def _structure() -> Finding:
    if found := db.check():
        return Finding("structure", "problem", "; ".join(found[:5]) + _(" (run: flask db init)"))
    return Finding("structure", "ok", _("validators and indexes are as they should be"))


def _worker() -> Finding:
    newest = WorkerHeartbeat.newest()
    if newest is None or newest.at < clock.now() - WORKER_SILENCE:
        return Finding("worker", "problem", _("none was heard of in the last 30 seconds (run: flask worker)"))
    return Finding("worker", "ok", newest.id)


def _due() -> Finding:
    late = {"$elemMatch": {"at": {"$lte": clock.now() - timedelta(minutes=1)}, "failed": None}}
    collections = [carrier._get_collection() for carrier in due.CARRIERS]
    waiting = sum(one.count_documents({"due.at": {"$lte": clock.FAR}, "due": late}, limit=1_000) for one in collections)
    failed = sum(
        one.count_documents({"due.at": {"$lte": clock.FAR}, "due.failed": {"$type": "string"}}, limit=1_000)
        for one in collections
    )
    counts = _("%(waiting)s waiting for over a minute, %(failed)s failed", waiting=waiting, failed=failed)
    return Finding("due", "problem" if failed else "warning" if waiting else "ok", counts)


def _chat() -> Finding:
    url = current_app.config["CHAT_BASE_URL"]
    wanted = {assistants.model_of(assistant) for assistant in Assistant.objects.active()}
    if not wanted:
        return Finding("chat", "warning", _("no assistant is active, so nobody answers"))
    if not url:
        return Finding("chat", "ok", _("the built-in demo assistant answers; CHAT_BASE_URL puts a model behind it"))
    try:
        offered = upstream.models()
    except AssistantUnavailable as error:
        if error.values["failure"] == Failure.REFUSED:
            return Finding("chat", "problem", _("%(url)s does not take CHAT_API_KEY", url=url))
        return Finding(
            "chat", "problem", _("%(url)s does not answer: %(why)s", url=url, why=str(error.__cause__)[:200])
        )
    # Some servers keep their models to themselves.
    if offered and (missing := wanted - set(offered)):
        names = {"missing": ", ".join(sorted(missing)), "offered": ", ".join(sorted(offered)[:10])}
        return Finding("chat", "warning", _("%(url)s has no %(missing)s; it offers %(offered)s", url=url, **names))
    return Finding("chat", "ok", f"{url}: {', '.join(sorted(wanted))}")


def _payment() -> Finding:
    settings = current_app.config
    if not settings["PACKAGES"]:
        return Finding("payment", "ok", _("nothing is for sale"))
    if settings["PAYMENT_PROVIDER"] == Provider.MANUAL:
        if not settings["PAYMENT_INSTRUCTIONS"]:
            return Finding("payment", "warning", _("PAYMENT_INSTRUCTIONS is empty, so nobody reads how to pay"))
        return Finding("payment", "ok", _("confirmed by hand"))
    try:
        stripe_payments.check()
    except PaymentRefused as error:
        return Finding(
            "payment", "problem", _("Stripe does not take STRIPE_SECRET_KEY: %(why)s", why=error.values["why"])
        )
    except PaymentUnavailable:
        return Finding("payment", "problem", _("Stripe does not answer"))
    return Finding("payment", "ok", _("Stripe answers"))
