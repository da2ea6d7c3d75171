"""`flask worker`: does what requests left to be done later."""

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from threading import Thread

import click
import structlog
from flask import Flask
from flask.cli import ScriptInfo
from prometheus_client import start_http_server

from app import db, emails, metrics, scrape
from app.models.delivery import Kind
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import (
    account_commit,
    answers,
    audit_anchors,
    delivery_attempts,
    due,
    expiry,
    mail,
    out_of_tokens,
    request_statistics,
    review_batches,
    review_digest,
    statistics,
    webhook_calls,
)

log = structlog.get_logger(__name__)

# Everything that is done later can wait this long; what cannot is done by the request itself.
POLL_SECONDS = 2

# What each round does. A job looks for its own work, takes a bounded part of it, and may be broken off anywhere.
JOBS: dict[str, Callable[[], object]] = {
    "due": due.perform_waiting,
    "ledger": account_commit.drain_waiting,
    "tokens": out_of_tokens.note_renewed,
    "chat": answers.settle_lapsed,
    "expiry": expiry.wake_due,
    "digests": review_digest.send_due,
    "batches": review_batches.resume_left,
    "audit": audit_anchors.keep_up,
    "statistics": statistics.keep_up,
    "request_statistics": request_statistics.keep_up,
}
# What waits for servers of others. Each has rounds of its own, so that nothing else waits for them.
OUTSIDE: dict[str, Callable[[], object]] = {
    "mail": partial(delivery_attempts.send_waiting, Kind.MAIL, partial(mail.deliver, render=emails.render)),
    "webhooks": partial(delivery_attempts.send_waiting, Kind.WEBHOOK, webhook_calls.deliver),
}


@click.command("worker")
@click.option("--once", is_flag=True, help="Do what is waiting now, then end; exit code 1 where a job failed.")
@click.pass_context
def command(context: click.Context, once: bool) -> None:
    """Do what is due: mail and webhooks, effects that a crash left over, copies to the ledger, expired requests, statistics.

    Runs until SIGTERM or Ctrl-C, and then finishes the job that it has begun. Any number may run at once.

    \b
    Example:
      flask worker
    """
    stop = Stop()
    if once:
        context.exit(0 if run_jobs(stop, {"heartbeat": _beat, **JOBS, **OUTSIDE}) else 1)
    log.info("worker_started", jobs=[*JOBS, *OUTSIDE])
    app = context.ensure_object(ScriptInfo).load_app()
    _show_metrics(app)
    beside = [Thread(target=_keep_on, args=(app, stop, name), daemon=True) for name in OUTSIDE]
    for thread in beside:
        thread.start()
    _rounds(stop, {"heartbeat": _beat, **JOBS})
    for thread in beside:
        thread.join()
    log.info("worker_stopped")


class Stop:
    """Whether somebody has asked this process to end; it notices between two jobs, and while it waits."""

    def __init__(self) -> None:
        """Takes over SIGTERM and Ctrl-C."""
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        # No more than this: a handler may come in the middle of anything, a lock that is being taken included.
        self.asked = True

    def wait(self, seconds: float) -> None:
        """Waits, but not longer than until somebody asks."""
        deadline = time.monotonic() + seconds
        while not self.asked and time.monotonic() < deadline:
            time.sleep(0.1)


def _show_metrics(app: Flask) -> None:
    """Lets Prometheus ask this machine, and nobody else, what was counted on it."""
    if port := app.config["METRICS_PORT"]:
        try:
            start_http_server(port, "127.0.0.1", scrape.registry(app))
        except OSError as error:
            # Another worker of this machine shows the same, and this one has more to do.
            log.warning("metrics_not_shown", port=port, why=error.strerror)


def _rounds(stop: Stop, jobs: Mapping[str, Callable[[], object]]) -> None:
    while not stop.asked:
        run_jobs(stop, jobs)
        stop.wait(POLL_SECONDS)


def _keep_on(app: Flask, stop: Stop, name: str) -> None:
    with app.app_context():
        _rounds(stop, {name: OUTSIDE[name]})


def run_jobs(stop: Stop, jobs: Mapping[str, Callable[[], object]]) -> bool:
    """One round of these jobs, whether or not one of them fails; returns whether none did."""
    failed = False
    for name, job in jobs.items():
        if stop.asked:
            break
        try:
            job()
        except Exception as error:
            failed = True
            metrics.job(name, "failed")
            if db.is_unanswered(error):
                # The others would wait for the same database in vain.
                log.warning("database_away", job=name, error=type(error).__name__)
                break
            log.exception("job_failed", job=name)
        else:
            metrics.job(name, "done")
    return not failed


def _beat() -> None:
    WorkerHeartbeat.beat(f"{socket.gethostname()}:{os.getpid()}")
