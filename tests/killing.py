"""Real processes that are killed at a chosen database command: before it is sent, or after its answer."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, TypeVar

import pytest
from mongoengine import connect, disconnect
from pymongo.monitoring import CommandListener

from app import db

# Newer Pythons warn of forking beside other threads; this child takes up a connection of its own before it does anything.
forks = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

Subject = TypeVar("Subject")

KILLED = -signal.SIGKILL


class Killer(CommandListener):
    """Kills its process at the nth event, where a command about to be sent and its answer are one event each.

    With a `command`, only events of commands of that name count.
    """

    def __init__(self, nth: int, command: str | None = None):
        self._left = nth
        self._command = command

    def _count(self, event: Any) -> None:
        if self._command in (None, event.command_name):
            self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    started = succeeded = failed = _count


def run_and_kill(uri: str, killer: Killer, work: Callable[[], object]) -> bool:
    """Does `work` in a process of its own that `killer` watches; returns whether it was killed."""

    def child() -> None:
        disconnect()
        connect(host=uri, event_listeners=[killer], **db.CLIENT_OPTIONS)
        work()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode in (0, KILLED)
    return process.exitcode == KILLED


def killed_at_each(
    uri: str, prepare: Callable[[], Subject], work: Callable[[Subject], object]
) -> Iterator[tuple[Subject, bool]]:
    """For each event of `work(subject)`, a new subject after a kill at that event; the last one's process lived."""
    for nth in count(1):
        subject = prepare()
        killed = run_and_kill(uri, Killer(nth), lambda subject=subject: work(subject))
        yield subject, killed
        if not killed:
            # Fewer would mean that the killer did not see the commands.
            assert nth > 4
            return
