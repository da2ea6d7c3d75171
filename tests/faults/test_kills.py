"""Processes of each kind killed at random under load: what was acknowledged is there, once, and nothing is left undone."""

import pytest

from tests.faults.deployment import Kind
from tests.faults.kills import run


def check(uri, folder, *, kills, seed):
    report = run(uri, folder, kills=kills, seed=seed)
    assert report.found == []
    assert set(report.kills) == set(Kind)
    assert report.kills.total() == kills
    assert all(tally.acknowledged for tally in report.tallies)


def test_a_few_processes_killed_under_load_lose_and_double_nothing(mongodb_uri, tmp_path):
    check(mongodb_uri, tmp_path, kills=3, seed=14)


@pytest.mark.long
def test_many_processes_killed_under_load_lose_and_double_nothing(mongodb_uri, tmp_path):
    check(mongodb_uri, tmp_path, kills=30, seed=1)
