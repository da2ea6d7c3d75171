"""`flask requests stats` and `flask requests export`, as an operator types them."""

import csv
import io
import json

import pytest
import time_machine
from click.testing import Result
from flask import Flask

from app.services import beta_requests, request_export, review
from tests.factories import OPERATOR, actor_of, make_request, make_user


@pytest.fixture
def flask(app: Flask):
    """Runs `flask requests …`."""

    def run(*words: str) -> Result:
        result = app.test_cli_runner().invoke(args=["requests", *words])
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def some():
    """#1 to #3: an approved beta request, a quota request that waits, and a newer one that was rejected."""
    with time_machine.travel("2026-03-10T12:00:00Z", tick=False) as clock_hand:
        ada = make_user("ada@example.com", name="Ada")
        review.approve(beta_requests.submit(ada, by=actor_of(ada)), by=OPERATOR, granted=70)
        make_request(ada, reason="=1+1")
        clock_hand.move_to("2026-03-11T12:00:00Z")
        review.reject(make_request(make_user("bob@example.com")), by=OPERATOR, response="No.")
        yield


class TestStats:
    def test_it_shows_figures_by_kind_the_days_and_who_decides(self, flask, some):
        result = flask("stats")
        assert result.exit_code == 0
        rows = [line.split() for line in result.stdout.splitlines()]
        assert ["WHAT", "QUOTA", "BETA", "LISTING", "ALL"] in rows
        assert ["total", "2", "1", "0", "3"] in rows
        assert ["approval_percent", "0.0", "100.0", "-", "50.0"] in rows
        assert ["granted", "-", "70", "-", "70"] in rows
        assert ["2026-03-10", "2", "1", "1", "0"] in rows
        assert rows[-1] == ["The", "tests", "2"]

    def test_json_has_the_same_and_every_day(self, flask, some):
        found = json.loads(flask("stats", "--json").stdout)
        assert found["taken_at"] == "2026-03-11T12:00:00.000Z"
        assert [(one["kind"], one["total"], one["pending"]) for one in found["kinds"]] == [
            ("quota", 2, 1),
            ("beta", 1, 0),
            ("listing", 0, 0),
            (None, 3, 1),
        ]
        assert [day["total"] for day in found["days"]] == [*[0] * 28, 2, 1]
        assert found["reviewers"] == found["recent_reviewers"] == [{"name": "The tests", "decisions": 2}]

    def test_an_empty_database_has_figures_too(self, flask):
        assert flask("stats").exit_code == 0
        assert json.loads(flask("stats", "--json").stdout)["reviewers"] == []

    def test_called_wrongly_it_is_a_usage_error(self, flask):
        assert flask("stats", "now").exit_code == 2


class TestExport:
    def test_it_writes_every_request_as_csv_without_formulas(self, flask, some):
        result = flask("export")
        assert result.exit_code == 0
        rows = list(csv.DictReader(io.StringIO(result.stdout.removeprefix("\ufeff"))))
        assert list(rows[0]) == list(request_export.COLUMNS)
        assert [(row["number"], row["email"]) for row in rows] == [
            ("3", "bob@example.com"),
            ("2", "ada@example.com"),
            ("1", "ada@example.com"),
        ]
        assert rows[1]["reason"] == "'=1+1"

    @pytest.mark.parametrize(
        ("words", "numbers"),
        [
            (["--oldest-first"], [1, 2, 3]),
            (["--kind", "quota"], [3, 2]),
            (["--status", "approved", "--status", "rejected"], [3, 1]),
            (["--user", "ada@example.com", "--kind", "quota"], [2]),
            (["--from", "2026-03-11"], [3]),
            (["--until", "2026-03-10"], [2, 1]),
            (["--status", "spam"], []),
        ],
    )
    def test_the_lists_filters_choose(self, flask, some, words, numbers):
        result = flask("export", "--format", "jsonl", *words)
        assert (result.exit_code, [json.loads(line)["number"] for line in result.stdout.splitlines()]) == (0, numbers)

    def test_a_file_gets_it(self, flask, some, tmp_path):
        path = tmp_path / "requests.csv"
        assert flask("export", "--output", str(path)).stdout == ""
        assert path.read_text("utf-8-sig").startswith("number,kind,status,")

    @pytest.mark.parametrize(
        ("words", "exit_code"),
        [
            (["--format", "xlsx"], 2),
            (["--kind", "gift"], 2),
            (["--status", "gone"], 2),
            (["--from", "yesterday"], 2),
            (["--user", "nobody@example.com"], 1),
            (["--output", "/nowhere/at/all.csv"], 1),
        ],
    )
    def test_what_it_cannot_do_it_says(self, flask, words, exit_code):
        result = flask("export", *words)
        assert result.exit_code == exit_code
        assert result.stderr
