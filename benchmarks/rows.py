"""How two ways of doing the same work are compared on a noisy machine: interleaved, repeated, as medians and ratios."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flask import Flask

# Does one piece of work as thread number `i`.
Work = Callable[[int], object]


@dataclass(slots=True)
class Row:
    """One line of the table: the ratio of our speed to the floor's in each round, and the ratio that it must reach."""

    name: str
    threads: int
    bound: float
    ratios: list[float] = field(default_factory=list)
    floor_speeds: list[float] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def reached(self) -> bool:
        """Whether the median reaches the bound."""
        return self.ratio >= self.bound

    def cells(self) -> Iterator[str]:
        """The row as text, in the order of `HEADINGS`."""
        yield self.name
        yield str(self.threads)
        yield f"{statistics.median(self.floor_speeds):,.0f}"
        yield f"{statistics.median(self.speeds):,.0f}"
        yield f"{self.ratio:.2f}"
        yield f"{min(self.ratios):.2f}..{max(self.ratios):.2f}"
        yield f"{self.bound:.2f}"
        yield "yes" if self.reached else "no"


HEADINGS = ("work", "threads", "floor/s", "ours/s", "ratio", "spread", "at least", "reached")


def table(rows: list[Row]) -> str:
    """All rows under their headings."""
    return aligned([list(HEADINGS), *(list(row.cells()) for row in rows)])


def aligned(lines: list[list[str]]) -> str:
    """Lines of as many cells each, one under the other."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def compare(row: Row, app: Flask, floor: Work, ours: Work, finish: Work, *, rounds: int, operations: int) -> Row:
    """Runs both ways in turn, `rounds` times with `operations` pieces of work a thread.

    `finish` is work that ours leaves for later and that counts as ours: the time of it is added. One thread alternates
    operation by operation, so that whatever slows the machine down slows down both.
    """
    for number in range(rounds):
        if row.threads == 1:
            floor_seconds, our_seconds = _alternate(app, floor, ours, operations)
        elif number % 2:
            our_seconds = _together(app, ours, row.threads, operations)
            floor_seconds = _together(app, floor, row.threads, operations)
        else:
            floor_seconds = _together(app, floor, row.threads, operations)
            our_seconds = _together(app, ours, row.threads, operations)
        with app.app_context():
            our_seconds += _timed(finish, 0)
        done = row.threads * operations
        row.ratios.append(floor_seconds / our_seconds)
        row.floor_speeds.append(done / floor_seconds)
        row.speeds.append(done / our_seconds)
    return row


def _timed(work: Work, i: int) -> float:
    started = time.perf_counter()
    work(i)
    return time.perf_counter() - started


def _alternate(app: Flask, floor: Work, ours: Work, operations: int) -> tuple[float, float]:
    floor_seconds = our_seconds = 0.0
    with app.app_context():
        for n in range(operations):
            if n % 2:
                our_seconds += _timed(ours, 0)
                floor_seconds += _timed(floor, 0)
            else:
                floor_seconds += _timed(floor, 0)
                our_seconds += _timed(ours, 0)
    return floor_seconds, our_seconds


def _together(app: Flask, work: Work, threads: int, operations: int) -> float:
    """The seconds from the moment at which all threads start until the last one ends."""
    start = threading.Barrier(threads + 1)
    errors: list[Exception] = []

    def call(i: int) -> None:
        with app.app_context():
            start.wait()
            try:
                for _ in range(operations):
                    work(i)
            except Exception as error:
                errors.append(error)

    running = [threading.Thread(target=call, args=(i,)) for i in range(threads)]
    for thread in running:
        thread.start()
    start.wait()
    started = time.perf_counter()
    for thread in running:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - started
