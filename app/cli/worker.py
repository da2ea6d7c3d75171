"""`flask worker`: does what requests left to be done later."""

import os
import signal
import socket
import time
from collections.abc import Callable

import click
import structlog

from app import db
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import (
    account_commit,
    answers,
    due,
    expiry,
    out_of_tokens,
    request_statistics,
    review_batches,
    statistics,
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
    "batches": review_batches.resume_left,
    "statistics": statistics.keep_up,
    "request_statistics": request_statistics.keep_up,
}


@click.command("worker")
@click.option("--once", is_flag=True, help="Do what is waiting now, then end; exit code 1 where a job failed.")
@click.pass_context
def command(context: click.Context, once: bool) -> None:
    """Do what is due: effects that a crash left over, copies to the ledger, lapsed answers, expired requests, statistics.

    Runs until SIGTERM or Ctrl-C, and then finishes the job that it has begun. Any number may run at once.

    \b
    Example:
      flask worker
    """
    stop = Stop()
    if once:
        context.exit(0 if run_jobs(stop) else 1)
    log.info("worker_started", jobs=list(JOBS))
    while not stop.asked:
        run_jobs(stop)
        stop.wait(POLL_SECONDS)
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


def run_jobs(stop: Stop) -> bool:
    """One round of all jobs, whether or not one of them fails; returns whether none did."""
    failed = False
    for name, job in {"heartbeat": _beat, **JOBS}.items():
        if stop.asked:
            break
        try:
            job()
        except Exception as error:
            failed = True
            if db.is_unanswered(error):
                # The others would wait for the same database in vain.
                log.warning("database_away", job=name, error=type(error).__name__)
                break
            log.exception("job_failed", job=name)
    return not failed


def _beat() -> None:
    WorkerHeartbeat.beat(f"{socket.gethostname()}:{os.getpid()}")
