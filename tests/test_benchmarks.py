"""The benchmark runs; what it measures in a moment means nothing, and is not looked at."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import growing
from benchmarks.calling import NAME
from benchmarks.rows import HEADINGS, Row
from benchmarks.spending import CASES

ROOT = Path(__file__).parents[1]


def run(*words: str) -> list[str]:
    """The lines of a table."""
    command = [sys.executable, "-m", "benchmarks", "--quick", *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("spending", [case.name for case in CASES]),
        pytest.param("calling", [NAME], marks=pytest.mark.long),
    ],
)
def test_a_quick_run_prints_a_row_for_each_piece_of_work_and_leaves_every_ledger_whole(part, names):
    headings, *rows = run("--only", part)
    assert headings.split() == " ".join(HEADINGS).split()
    assert [row.split("  ")[0] for row in rows] == names


@pytest.mark.long
def test_a_quick_run_prints_a_row_for_each_page_that_must_not_grow():
    headings, *rows = run("--only", "growth")
    assert headings.split()[:3] == ["work", "ms", "at"]
    assert [row.split("  ")[0] for row in rows] == [case.name for case in growing.CASES]


def test_a_ratio_is_the_median_of_its_rounds_and_must_reach_its_bound():
    row = Row("work", threads=1, bound=0.8, ratios=[0.9, 0.1, 0.8])
    assert (row.ratio, row.reached) == (0.8, True)
    assert not Row("work", threads=1, bound=0.8, ratios=[0.9, 0.79, 0.1]).reached


@pytest.mark.parametrize(
    ("medians", "round_trips", "reached"),
    [
        ([10.0, 11.0, 14.9], 6, True),
        ([10.0, 11.0, 15.1], 6, False),
        ([10.0, 20.0, 10.0], 6, False),
        ([10.0, 10.0, 10.0], 7, False),
    ],
    ids=["all bounds hold", "grows", "takes too long on the way", "asks too often"],
)
def test_what_grows_must_keep_all_its_bounds(medians, round_trips, reached):
    case = growing.Case("work", lambda scene: None, milliseconds=20, round_trips=6)
    assert growing.Row(case, medians, round_trips).reached is reached
