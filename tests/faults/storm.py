"""`python -m tests.faults.storm`: very many spends at once, from several processes, down to exactly nothing.

Somebody looks at the accounts and at the ledger all the while; in the end every ledger is verified.
"""

import argparse
import multiprocessing
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from bson import ObjectId
from flask import Flask

import config
from app import create_app, db, embedded_mongo
from app.models.domain_error import InsufficientTokens
from app.models.ledger_entry import numbered
from app.services import account_commit, ledger_verify, token_accounts
from tests.factories import OPERATOR, make_user

TOKENS = 7
# Several, because an account's whole ledger is verified in memory.
ACCOUNTS = 8
WATCHERS_PAUSE = 0.05


@dataclass(slots=True)
class Report:
    """What a storm has done and found; `looks` is how often somebody looked at an account meanwhile."""

    spends: int
    seconds: float
    looks: int
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        speed = self.spends / self.seconds
        return f"{self.spends:,} spends in {self.seconds:.0f} s ({speed:,.0f} a second), looked at {self.looks:,} times"


def run(
    uri: str,
    *,
    spends: int,
    processes: int,
    threads: int,
    accounts: int = ACCOUNTS,
    progress: Callable[[int], Any] = int,
) -> Report:
    """Spends all that new accounts have, in about `spends` spends, on the empty database at `uri`."""
    each = spends // accounts
    app = _app(uri, each)
    context = multiprocessing.get_context("spawn")
    heard: Queue[Counter[ObjectId]] = context.Queue()
    with app.app_context():
        db.prepare()
        ids = [make_user().id for _ in range(accounts)]
        watcher = _Watcher(app, ids)
        started = time.monotonic()
        # Daemons: none of them outlives this program.
        running = [
            context.Process(target=_process, args=(uri, each, ids, number, threads, heard), daemon=True)
            for number in range(processes)
        ]
        for process in running:
            process.start()
        told = [heard.get() for _ in _until_all_have_told(running, heard, watcher, progress)]
        for process in running:
            process.join()
        seconds = time.monotonic() - started
        watcher.stop()
        acknowledged = sum(told, Counter[ObjectId]())
        problems = [*watcher.problems, *_wrong_in_the_end(ids, each, acknowledged)]
        problems += [
            f"process {number} ended with {one.exitcode}" for number, one in enumerate(running) if one.exitcode
        ]
    return Report(acknowledged.total(), seconds, watcher.looks, problems)


def _app(uri: str, each: int) -> Flask:
    tiers = {"free": config.Tier(limit=each * TOKENS, period_days=7)}
    return create_app(config.Testing(MONGODB_URI=uri, INITIAL_TOKENS=0, TIERS=tiers))


def _until_all_have_told(
    running: list[Any], heard: "Queue[Counter[ObjectId]]", watcher: "_Watcher", progress: Callable[[int], Any]
) -> Iterator[None]:
    """Once for each process, when what it has to tell is there; none is waited for that died without telling."""
    told = 0
    while told < len(running) and (not heard.empty() or any(one.is_alive() for one in running)):
        progress(watcher.entries)
        if heard.empty():
            time.sleep(WATCHERS_PAUSE)
        else:
            told += 1
            yield


# --- who spends -------------------------------------------------------------------------------------------------------


def _process(
    uri: str, each: int, ids: list[ObjectId], number: int, threads: int, heard: "Queue[Counter[ObjectId]]"
) -> None:
    """One process: tells in the end how often it was told of each account that a spend was done."""
    app = _app(uri, each)
    done = [Counter[ObjectId]() for _ in range(threads)]
    running = [
        threading.Thread(target=_spend, args=(app, ids[i % len(ids) :] + ids[: i % len(ids)], f"{number}-{i}", done[i]))
        for i in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    heard.put(sum(done, Counter[ObjectId]()))


def _spend(app: Flask, ids: list[ObjectId], name: str, done: Counter[ObjectId]) -> None:
    """Spends from one account after the other, each third time with a key, until nothing is left."""
    with app.app_context():
        for account_id in ids:
            for n in count():
                key = f"{name}-{n}" if n % 3 == 0 else None
                try:
                    token_accounts.spend(account_id, TOKENS, by=OPERATOR, key=key)
                except InsufficientTokens:
                    break
                done[account_id] += 1


# --- who looks --------------------------------------------------------------------------------------------------------


class _Watcher:
    """Looks at every account and at the end of its ledger, again and again, in a thread of its own."""

    def __init__(self, app: Flask, ids: list[ObjectId]) -> None:
        self.looks, self.problems = 0, list[str]()
        self._entries = dict.fromkeys(ids, 0)
        self._balances: dict[ObjectId, int] = {}
        self._asked_to_stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(app,))
        self._thread.start()

    @property
    def entries(self) -> int:
        """How many entries there are by now."""
        return sum(self._entries.values())

    def stop(self) -> None:
        """Ends it."""
        self._asked_to_stop.set()
        self._thread.join()

    def _watch(self, app: Flask) -> None:
        with app.app_context():
            while not self._asked_to_stop.wait(WATCHERS_PAUSE):
                for account_id in self._entries:
                    self.problems += [f"{account_id}: {problem}" for problem in self._look(account_id)]

    def _look(self, account_id: ObjectId) -> Iterator[str]:
        account = account_commit.accounts().find_one({"_id": account_id})
        if account is None:
            return
        newest = account_commit.entries().find_one({"account": account_id}, sort=[("seq", -1)])
        self.looks += 1
        self._entries[account_id] = account["entry_count"]
        yield from (
            f"{name} is {account[name]}" for name in ("balance", "available", "plain_left") if account[name] < 0
        )
        *_, last = [{"after": account["drained_balance"]}, *numbered(account)]
        if last["after"] != account["balance"]:
            yield f"entries end at {last['after']}, the balance is {account['balance']}"
        if account["balance"] > self._balances.get(account_id, account["balance"]):
            yield f"the balance rose to {account['balance']}"
        self._balances[account_id] = account["balance"]
        if account["drained_seq"] and (newest is None or newest["seq"] < account["drained_seq"]):
            yield f"the ledger lacks entry {account['drained_seq']}"
        if newest and newest["after"] < 0:
            yield f"entry {newest['seq']} ends at {newest['after']}"


def _wrong_in_the_end(ids: list[ObjectId], each: int, acknowledged: Counter[ObjectId]) -> Iterator[str]:
    for account_id in ids:
        account_commit.drain(account_id)
        account = token_accounts.view(account_id)
        if (account.balance, account.lifetime_tokens, account.lifetime_calls) != (0, each * TOKENS, each):
            yield f"{account_id}: {account.lifetime_calls} calls took {account.lifetime_tokens} and left {account.balance}"
        if acknowledged[account_id] != each:
            yield f"{account_id}: {acknowledged[account_id]} of {each} spends were acknowledged"
        # The first entry is that of the first period.
        copied = account_commit.entries().count_documents({"account": account_id})
        if copied != each + 1:
            yield f"{account_id}: {copied} entries are in the ledger"
        yield from (f"{account_id}: {problem}" for _, problem in ledger_verify.verify([account_id]) if problem)


def main() -> int:
    """Prints one line; the exit code is 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spends", type=int, default=1_000_000, help="how many in all (default: 1,000,000)")
    parser.add_argument("--processes", type=int, default=3, help="how many processes spend (default: 3)")
    parser.add_argument("--threads", type=int, default=8, help="how many threads each of them has (default: 8)")
    arguments = parser.parse_args()

    def progress(entries: int) -> None:
        bar = "#" * (40 * entries // arguments.spends)
        print(f"\r[{bar:<40}] {entries:,} of {arguments.spends:,}", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="tokendesk-storm-") as name, embedded_mongo.running(Path(name)):
        uri = embedded_mongo.uri(Path(name), "tokendesk")
        report = run(uri, **vars(arguments), progress=progress)
    print(file=sys.stderr)
    print(report)
    for problem in report.problems:
        print(problem, file=sys.stderr)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
