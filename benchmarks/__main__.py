"""`python -m benchmarks`: the table, on a MongoDB of its own. `--quick` only shows that every row runs."""

import argparse
import sys
import tempfile
from itertools import chain
from pathlib import Path

import config
from app import create_app, db, embedded_mongo
from benchmarks import calling, spending
from benchmarks.rows import table


def main() -> int:
    """Prints the table; the exit code is 1 where a bound is missed in a full run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a moment instead of minutes; the figures mean nothing")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="tokendesk-bench-") as folder, embedded_mongo.running(Path(folder)):
        uri = embedded_mongo.uri(Path(folder), "bench")
        tiers = {"free": config.Tier(limit=1_000_000_000, period_days=7)}
        app = create_app(config.Testing(MONGODB_URI=uri, INITIAL_TOKENS=0, TIERS=tiers))
        with app.app_context():
            db.prepare()
        rows = []
        for row in chain(spending.rows(app, quick=quick), calling.rows(app, quick=quick)):
            rows.append(row)
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(table(rows))
    return 0 if quick or all(row.reached for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
