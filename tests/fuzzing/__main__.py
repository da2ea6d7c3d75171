"""`python -m tests.fuzzing`: thousands of made-up calls and forms on a real MongoDB, and one table of what came of them."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask

import config
from app import create_app, db, embedded_mongo
from tests.fuzzing.api import CALLERS, ApiFuzzer
from tests.fuzzing.forms import FormFuzzer
from tests.fuzzing.kept_world import kept_world
from tests.page_client import PageClient

# Registration is open and mail is sent, so that every form is there; a delivery waits for a worker that there is not.
SETTINGS: dict[str, Any] = {"REGISTRATION": "open", "MAIL_SERVER": "mail.example.com", "MAIL_FROM": "desk@example.com"}
# No target is asked fewer times at once than makes it worth preparing.
LEAST = 10

Target = tuple[str, Callable[[int], Counter[str]]]


def fuzzed_app(uri: str) -> Flask:
    """The app with all that it can do switched on, on the database at `uri`."""
    app = create_app(config.Testing(MONGODB_URI=uri, **SETTINGS))
    app.test_client_class = PageClient
    with app.app_context():
        db.prepare()
    return app


def main() -> int:
    """Runs until there were as many cases as were asked for; gives 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    wanted: int = parser.parse_args().cases
    with tempfile.TemporaryDirectory() as folder, embedded_mongo.running(Path(folder), for_tests=True):
        app = fuzzed_app(embedded_mongo.uri(Path(folder), "fuzzing"))
        with kept_world(app) as world:
            forms = FormFuzzer(app, world)
            table = _Table()
            table.run("forms", [(str(one), partial(forms.run, one)) for one in forms.routes], wanted * 45 // 100)
            api = ApiFuzzer(app, world)
            for place, caller in enumerate(CALLERS):
                targets = [(one.label, partial(api.run, one, caller)) for one in api.operations]
                table.run(f"API, {caller}", targets, (wanted - table.cases) // (len(CALLERS) - place))
    print(table)
    return 1 if table.problems else 0


class _Table:
    """What was tried, and what came of it."""

    def __init__(self) -> None:
        self.cases = 0
        self.problems: list[str] = []
        self._rows: list[tuple[str, int, int, Counter[str], int, float]] = []

    def run(self, name: str, targets: Sequence[Target], wanted: int) -> None:
        """Tries all targets in turn until there were `wanted` cases; of one in which something was found, no more."""
        seen: Counter[str] = Counter()
        left, found, started = list(targets), 0, time.perf_counter()
        while left and seen.total() < wanted:
            for target in list(left):
                label, run = target
                if sys.stderr.isatty():
                    print(f"\r\033[K{name} {seen.total():,}/{wanted:,} {label}", end="", file=sys.stderr, flush=True)
                missing = wanted - seen.total()
                if missing <= 0:
                    break
                try:
                    seen += run(max(LEAST, missing // len(left)))
                except Exception as error:
                    found += 1
                    left.remove(target)
                    self.problems.append(f"{name}, {label}: {error!r} {' '.join(getattr(error, '__notes__', ()))}")
        self.cases += seen.total()
        self._rows.append((name, len(targets), seen.total(), seen, found, time.perf_counter() - started))

    def __str__(self) -> str:
        line = "{:<22}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}{:>10}"
        lines = [line.format("", "targets", "cases", "done", "redirect", "refused", "found", "seconds")]
        for name, targets, cases, seen, found, seconds in self._rows:
            figures = (cases, seen["2xx"], seen["3xx"], seen["4xx"], found)
            lines.append(line.format(name, targets, *(f"{one:,}" for one in figures), f"{seconds:,.0f}"))
        lines.append(line.format("all", "", f"{self.cases:,}", "", "", "", len(self.problems), ""))
        return "\n".join([*lines, *self.problems])


if __name__ == "__main__":
    sys.exit(main())
