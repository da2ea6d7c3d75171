"""`python -m benchmarks`: the tables, each on a MongoDB of its own. `--quick` only shows that every row runs."""

import argparse
import sys
import tempfile
from itertools import chain
from pathlib import Path

import config
from app import create_app, db, embedded_mongo
from benchmarks import calling, growing, rows, spending

# Measured against bare work that does the same, in this order.
COMPARED = {"spending": spending.rows, "calling": calling.rows}
GROWTH = "growth"


def main() -> int:
    """Prints the tables; the exit code is 1 where a bound is missed in a full run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a moment instead of minutes; the figures mean nothing")
    parser.add_argument("--only", choices=[*COMPARED, GROWTH], help="one kind of work instead of all")
    parser.add_argument(
        "--largest", type=int, choices=growing.SIZES, default=growing.SIZES[-1], help="how far data grows; 1000000"
    )
    asked = parser.parse_args()
    wanted = [asked.only] if asked.only else [*COMPARED, GROWTH]
    reached = []
    if names := [name for name in COMPARED if name in wanted]:
        reached.append(_compare(names, quick=asked.quick))
    if GROWTH in wanted:
        reached.append(_grow(asked.largest, quick=asked.quick))
    return 0 if asked.quick or all(reached) else 1


def _compare(names: list[str], *, quick: bool) -> bool:
    """Prints the table of ratios to bare work; whether all bounds are reached."""
    with tempfile.TemporaryDirectory(prefix="tokendesk-bench-") as folder, embedded_mongo.running(Path(folder)):
        uri = embedded_mongo.uri(Path(folder), "bench")
        tiers = {"free": config.Tier(limit=1_000_000_000, period_days=7)}
        app = create_app(config.Testing(MONGODB_URI=uri, INITIAL_TOKENS=0, TIERS=tiers))
        with app.app_context():
            db.prepare()
        done = []
        for row in chain.from_iterable(COMPARED[name](app, quick=quick) for name in names):
            done.append(row)
            _show_progress()
    print(file=sys.stderr)
    print(rows.table(done))
    return all(row.reached for row in done)


def _grow(largest: int, *, quick: bool) -> bool:
    """Prints the table of what grows with the data; whether all bounds are reached."""
    done, sizes = growing.rows(largest=largest, quick=quick, progress=_show_progress)
    print(file=sys.stderr)
    print(growing.table(done, sizes))
    return all(row.reached for row in done)


def _show_progress() -> None:
    print(".", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
