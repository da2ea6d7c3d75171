"""What is done when the killing is over, and what must be true then of everything at once."""

import json
import traceback
from collections.abc import Iterator
from datetime import timedelta

import time_machine
from click.testing import Result
from flask import Flask
from mongoengine.connection import get_db

from app import clock
from app.cli.worker import JOBS
from app.models.user import User
from app.services import account_commit, announcements, answers, audit_sealing, due, token_accounts
from tests.account_soundness import sound_entries
from tests.faults import chat_kept

MOST_ROUNDS = 20
# Batches of events, each of hundreds.
MOST_BATCHES = 10_000


def longest_wait() -> timedelta:
    """After so long nobody may still be busy with what was left, and the worker takes it over."""
    return answers.lease() + due.GRACE + account_commit.QUIET


def check(app: Flask) -> list[str]:
    """Lets the worker finish what was left, and says what is wrong then, a sentence each: nothing, wherever all is well."""
    finish()
    return [*refused_proofs(app), *problems()]


def refused_proofs(app: Flask) -> Iterator[str]:
    """Seals what waits for it; then what the commands say that prove the trails, where they do not hold or prove nothing."""
    audit_sealing.seal_waiting(batches=MOST_BATCHES)
    ledger = _run(app, "ledger", "verify")
    if ledger.exit_code or ledger.stdout.startswith("0 "):
        yield f"flask ledger verify: {ledger.output}"
    audit = _run(app, "audit", "verify", "--json")
    proven = json.loads(audit.stdout or "{}")
    if audit.exit_code or not proven["ok"] or not proven["sealed"] or proven["waiting"]:
        yield f"flask audit verify: {audit.output}"


def _run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=words)


def finish() -> None:
    """The worker does all that was left, until there is nothing more."""
    with time_machine.travel(clock.now() + longest_wait(), tick=False):
        for _round in range(MOST_ROUNDS):
            if not sum(int(job() or 0) for job in JOBS.values()):  # type: ignore[call-overload]
                break
    for account in get_db().token_accounts.find({}, {"_id": 1}):
        account_commit.drain(account["_id"])


def problems() -> Iterator[str]:
    """What is left that nothing will finish."""
    yield from chat_kept.problems()
    for carrier in due.CARRIERS:
        for document in carrier._get_collection().find({"due.0": {"$exists": True}}):
            yield f"due on {carrier.__name__} {document['_id']}: {document['due']}"
    waits = {"$or": [{"entries.0": {"$exists": True}}, {"drain_at": {"$exists": True}}]}
    for account in get_db().token_accounts.find(waits):
        yield f"entries of account {account['_id']} wait for the ledger"
    for account in get_db().token_accounts.find({}, {"_id": 1}):
        try:
            sound_entries(account["_id"])
        except AssertionError:
            yield f"account {account['_id']} is not sound: {traceback.format_exc(limit=1)}"
    ends = clock.now() + longest_wait() + timedelta(seconds=announcements.HOLD_SECONDS)
    with time_machine.travel(ends, tick=False):
        for user in User.objects:
            if held := token_accounts.view(user.id).held:
                yield f"{held} tokens of {user.email} are held for ever"
