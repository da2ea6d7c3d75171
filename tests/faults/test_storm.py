"""Many spends at once from several processes: the sum is exact, and no moment is negative."""

from tests.faults.storm import run


def test_a_storm_of_spends_ends_at_exactly_zero(mongodb_uri):
    report = run(mongodb_uri, spends=600, processes=2, threads=4, accounts=2)
    assert report.problems == []
    assert report.spends == 600
    assert report.looks > 0
