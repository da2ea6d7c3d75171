"""The benchmark runs; what it measures in a moment means nothing, and is not looked at."""

import subprocess
import sys
from pathlib import Path

from benchmarks.calling import NAME
from benchmarks.rows import HEADINGS, Row
from benchmarks.spending import CASES

ROOT = Path(__file__).parents[1]


def test_a_quick_run_prints_a_row_for_each_piece_of_work_and_leaves_every_ledger_whole():
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stderr
    headings, *rows = ran.stdout.splitlines()
    assert headings.split() == " ".join(HEADINGS).split()
    assert [row.split("  ")[0] for row in rows] == [*(case.name for case in CASES), NAME]


def test_a_ratio_is_the_median_of_its_rounds_and_must_reach_its_bound():
    row = Row("work", threads=1, bound=0.8, ratios=[0.9, 0.1, 0.8])
    assert (row.ratio, row.reached) == (0.8, True)
    assert not Row("work", threads=1, bound=0.8, ratios=[0.9, 0.79, 0.1]).reached
