"""`python -m tests.faults`: breaks a database of three under load, in each way, and counts what was lost or done twice."""

import argparse
import sys

from tests.faults import outages, small_disk

CALLS, TIMES = 1_000, 3
# What the specification asks for.
KILLED_CALLS, KILLS = 10_000, 5


def main() -> int:
    """Prints the table; the exit code is 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="the faults whose name holds this")
    parser.add_argument("--calls", type=int, help=f"acknowledged calls each (default: {KILLED_CALLS:,} and {CALLS:,})")
    arguments = parser.parse_args()
    wrong = 0
    print(outages.HEAD, flush=True)
    for name, fault in outages.FAULTS.items():
        if arguments.only not in name:
            continue
        calls, times = (KILLED_CALLS, KILLS) if fault is outages.kill_primary else (CALLS, TIMES)
        try:
            with outages.database_for(name) as members:
                report = outages.run(name, members, times=times, calls=arguments.calls or calls)
        except small_disk.NoDisk as reason:
            print(f"{name:<34}skipped: {reason}", flush=True)
            continue
        print(report.line(), flush=True)
        for one in report.found:
            print(one, file=sys.stderr, flush=True)
        wrong += len(report.found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
