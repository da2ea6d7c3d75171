"""The processes of a deployment, each of which can be killed at work and comes back."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import httpx2
from bson import ObjectId

from app import child_process
from app.cli import serve
from tests.processes import is_alive, wait_until
from tests.serving import free_port

ROOT = Path(__file__).parents[2]
SPENDING_THREADS, SPENT = 2, 7
START_SECONDS = 90
# What a log says when a process has met what it does not expect.
COMPLAINTS = ("Exception in thread", "job_failed", "unexpected", "cannot be done")


class Kind(StrEnum):
    """Who is killed."""

    WEB = "gunicorn worker"
    WORKER = "flask worker"
    SPENDER = "spending program"


# What one prints when it has begun its work; a gunicorn worker has when it has answered a request.
SIGNS = {Kind.WORKER: "worker_started", Kind.SPENDER: "done "}


class Deployment:
    """What `flask serve` runs, and a program that spends from the accounts of `spenders`, another in each of its lives."""

    def __init__(self, folder: Path, uri: str, environment: Mapping[str, str], spenders: Sequence[ObjectId]) -> None:
        """Starts nothing yet; `environment` holds the app's settings."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = dict(environment)
        self.kills: Counter[Kind] = Counter()
        self._folder, self._uri, self._spenders = folder, uri, spenders
        self._answered = folder / "answered"
        gunicorn, self._worker = serve._commands(port)
        self._gunicorn = [*gunicorn, "--access-logfile", str(self._answered), "--access-logformat", "%(p)s"]
        self._running: dict[Kind, subprocess.Popen[bytes]] = {}
        self._outputs: dict[Kind, list[Path]] = {kind: [] for kind in Kind}

    def start(self, kind: Kind) -> None:
        """Starts the program of a kind, with a file of its own for what it prints."""
        output = self._folder / f"{kind} {len(self._outputs[kind])}.log"
        with output.open("wb") as file:
            self._running[kind] = child_process.start(
                self._command(kind), cwd=ROOT, env=self.environment, stdout=file, stderr=subprocess.STDOUT
            )
        self._outputs[kind].append(output)

    def at_work(self, kind: Kind) -> list[int]:
        """The processes of a kind that have begun their work."""
        process, output = self._running[kind], self._outputs[kind][-1]
        assert process.poll() is None, f"{kind} has ended by itself:\n{output.read_text()[-4_000:]}"
        if kind is Kind.WEB:
            answered = set(self._answered.read_text().split())
            return [one for one in _children(process.pid) if f"<{one}>" in answered]
        with output.open() as file:
            return [process.pid] if SIGNS[kind] in file.read(10_000) else []

    def kill(self, kind: Kind, draw: random.Random) -> None:
        """Kills one that is at work. gunicorn replaces its workers itself, the others are started again here."""
        victim = draw.choice(self.at_work(kind))
        os.kill(victim, signal.SIGKILL)
        self.kills[kind] += 1
        if kind is Kind.WEB:
            wait_until(lambda: not is_alive(victim))
        else:
            self._running[kind].wait()
            self.start(kind)

    def restart(self, kind: Kind) -> None:
        """Ends the program of a kind as an operator does, and starts it again."""
        child_process.end(self._running[kind], seconds=20)
        self.start(kind)

    def stop(self) -> None:
        """Ends everything as an operator does."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            child_process.end(process, seconds=20)

    def spending(self) -> Iterator[tuple[ObjectId, str]]:
        """What each life of the spending program has printed, with the user whose account it was."""
        for number, output in enumerate(self._outputs[Kind.SPENDER]):
            yield self._spender(number), output.read_text()

    def complaints(self) -> Iterator[str]:
        """What was printed that a kill does not explain."""
        for output in sorted(self._folder.glob("*.log")):
            lines = output.read_text().splitlines()
            yield from (f"{output.stem}: {line}" for line in lines if any(word in line for word in COMPLAINTS))

    def serves(self) -> bool:
        """Whether pages are served."""
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5, trust_env=False).is_success
        except httpx2.TransportError:
            return False

    def _command(self, kind: Kind) -> Sequence[str]:
        if kind is not Kind.SPENDER:
            return self._gunicorn if kind is Kind.WEB else self._worker
        life = len(self._outputs[kind])
        program = [sys.executable, "-m", "tests.faults.spending", self._uri, str(self._spender(life))]
        return [*program, f"life-{life}", str(SPENDING_THREADS), str(SPENT)]

    def _spender(self, life: int) -> ObjectId:
        return self._spenders[life % len(self._spenders)]


@contextmanager
def deployed(
    folder: Path,
    uri: str,
    environment: Mapping[str, str],
    spenders: Sequence[ObjectId],
    kinds: Iterable[Kind] = tuple(Kind),
) -> Iterator[Deployment]:
    """All of it, or some kinds, while the block runs, from when pages are served."""
    deployment = Deployment(folder, uri, environment, spenders)
    try:
        for kind in kinds:
            deployment.start(kind)
        wait_until(deployment.serves, START_SECONDS)
        yield deployment
    finally:
        deployment.stop()


def _children(process_id: int) -> Iterator[int]:
    """Those that live: one that was killed is listed until its parent has noticed."""
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return filter(is_alive, map(int, listed))
