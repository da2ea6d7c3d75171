"""Real processes that spend from one account: several at once, and killed at random moments under load."""

import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mongoengine.connection import get_db

from app import child_process
from app.models.user import User
from app.services import account_commit, token_accounts
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, make_user

ROOT = Path(__file__).parents[2]
THREADS = 8


@contextmanager
def spending(uri: str, user: User, name: str, tokens: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that spends while the block runs."""
    command = [sys.executable, "-m", "tests.faults.spending", uri, str(user.id), name, str(THREADS), str(tokens)]
    with child_process.start(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


class Said:
    """What processes said they tried and had done."""

    def __init__(self) -> None:
        self.tried: set[str] = set()
        self.done: list[tuple[str, str, int]] = []

    def hear(self, lines: Iterable[bytes]) -> None:
        """Takes what was said; a last line that the kill cut short says nothing."""
        for line in lines:
            words = line.decode().split() if line.endswith(b"\n") else []
            if words[:1] == ["try"]:
                self.tried.add(words[1])
            elif words[:1] == ["done"]:
                self.done.append((words[1], words[2], int(words[3])))


def check(user: User, said: Said) -> list[dict[str, Any]]:
    """What was acknowledged is in the ledger, once and as it was told."""
    entries = sound_entries(user.id)
    by_id = {str(entry["_id"]): entry for entry in entries}
    assert len({id_ for _, id_, _ in said.done}) == len(said.done)
    for key, id_, amount in said.done:
        assert (by_id[id_]["amount"], by_id[id_].get("key", "-")) == (
            amount,
            by_id[id_].get("key", "-") if key == "-" else key,
        )
    return entries


def finish(user: User) -> None:
    """What the worker does; then everything is in the ledger."""
    account_commit.drain(user.id)
    stored = get_db().token_accounts.find_one({"_id": user.id})
    assert (stored["entries"], "drain_at" in stored) == ([], False)
    assert get_db().ledger_entries.count_documents({"account": user.id}) == stored["entry_count"]


def test_several_processes_that_spend_at_the_limit_end_at_exactly_zero(mongodb_uri):
    user, said = make_user(), Said()
    with ExitStack() as stack:
        processes = [stack.enter_context(spending(mongodb_uri, user, f"process-{number}", 500)) for number in range(3)]
        for process in processes:
            said.hear(process.stdout)
        assert [process.wait() for process in processes] == [0, 0, 0]
    entries = check(user, said)
    assert len(said.done) == 300
    assert sum(amount for _, _, amount in said.done) == -150_000
    assert token_accounts.view(user.id).balance == 0
    assert [entry["type"] for entry in entries[:2]] == ["renewal", "grant"]
    finish(user)
    check(user, said)


def kill_at_random(uri: str, rounds: int, seed: int) -> None:
    """Kills a process under load, again and again, and asks for each key once more in the end."""
    draw = random.Random(seed)  # noqa: S311 - repeatable moments, no secret.
    user, said = make_user(), Said()
    for number in range(rounds):
        with spending(uri, user, f"round-{number}", 7) as process:
            lines = [process.stdout.readline() for _ in range(draw.randint(20, 300))]
            process.kill()
            lines += process.stdout.readlines()
        assert process.wait() == -9
        said.hear(lines)
        done_before = len(check(user, said))
    assert len(said.done) > 20 * rounds / 2
    for key in said.tried:
        token_accounts.spend(user.id, 7, by=OPERATOR, key=key)
    entries = check(user, said)
    # Of what was tried and not acknowledged, all was in flight at a kill.
    assert len(entries) - done_before <= rounds * THREADS
    assert {entry["key"] for entry in entries[2:] if entry.get("key", "").startswith("round-")} == said.tried
    acknowledged = {id_ for _, id_, _ in said.done}
    unheard = [entry for entry in entries[2:] if entry["type"] == "usage" and str(entry["_id"]) not in acknowledged]
    assert len([entry for entry in unheard if entry.get("key") not in said.tried]) <= rounds * THREADS
    finish(user)
    check(user, said)


def test_what_a_killed_process_had_acknowledged_is_neither_lost_nor_doubled(mongodb_uri):
    kill_at_random(mongodb_uri, rounds=3, seed=1)


@pytest.mark.long
def test_many_killed_processes_lose_and_double_nothing(mongodb_uri):
    kill_at_random(mongodb_uri, rounds=20, seed=2)
