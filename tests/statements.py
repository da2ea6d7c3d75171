"""Watching what a process says to the database: it dies at a statement, or something else happens just before one.

It hears what the driver tells any `CommandListener`, so the code under test runs as it is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

STATEMENTS = frozenset({"find", "insert", "update", "findAndModify", "delete", "aggregate"})


class Died(BaseException):
    """The process ended here, as far as the code under test can tell; the driver passes it on."""


class Fate:
    """Whether it has come to that."""

    happened = False


class Statements(CommandListener):
    """What is said to the database. `said` lists it as `<command> <collection>`."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._lock = Lock()
        self._left = 0
        self._dies_after = False
        self._meanwhile: tuple[str, Callable[[], Any]] | None = None
        self._failed: Exception | None = None

    @contextmanager
    def dying(self, at: int, *, after: bool) -> Iterator[Fate]:
        """The process dies at the `at`-th statement from now: before it is said, or after it was done, unheard."""
        fate = Fate()
        self._left, self._dies_after = at, after
        try:
            yield fate
        except Died:
            fate.happened = True
        finally:
            self._left = 0

    @contextmanager
    def meanwhile(self, statement: str, action: Callable[[], Any]) -> Iterator[Fate]:
        """Just before the next `statement` (as in `said`) is said, `action` happens; `happened` says that it has."""
        fate = Fate()

        def act() -> None:
            fate.happened = True
            action()

        self._meanwhile, self._failed = (statement, act), None
        try:
            yield fate
        finally:
            self._meanwhile = None
        if self._failed:
            raise self._failed

    @contextmanager
    def always(self, statement: str, action: Callable[[], Any]) -> Iterator[None]:
        """As `meanwhile`, again and again; `action` must not say `statement` itself."""

        def act() -> None:
            action()
            self._meanwhile = (statement, act)

        with self.meanwhile(statement, act):
            yield

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name not in STATEMENTS:
            return
        statement = f"{event.command_name} {event.command[event.command_name]}"
        self.said.append(statement)
        action = self._take_action(statement)
        if action:
            try:
                action()
            except Exception as error:  # The driver would only print it.
                self._failed = error
        if not self._dies_after:
            self._count_down()

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.command_name in STATEMENTS and self._dies_after:
            self._count_down()

    def failed(self, event: CommandFailedEvent) -> None:
        """What the server refused has been said all the same."""

    def _take_action(self, statement: str) -> Callable[[], Any] | None:
        with self._lock:
            if self._meanwhile is None or self._meanwhile[0] != statement:
                return None
            action, self._meanwhile = self._meanwhile[1], None
            return action

    def _count_down(self) -> None:
        if self._left:
            self._left -= 1
            if not self._left:
                raise Died
