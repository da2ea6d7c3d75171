"""Rows as CSV and JSON Lines."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from bson import ObjectId

from app.exports import Format, lines

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def cell(value):
    """What a spreadsheet finds in the one cell that holds `value`."""
    text = "".join(lines(Format.CSV, [{"what": value}], ["what"])).removeprefix("\ufeff")
    (_head, (found,)) = csv.reader(io.StringIO(text, newline=""))
    return found


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u3000=1", "\uff1d1"])
def test_a_text_that_begins_as_a_formula_is_marked_as_text(text):
    assert cell(text).startswith("'")
    assert cell(text).replace("'", "") == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a; =1+1", "a;' =1+1"),
        ("a\n=1+1", "a\n'=1+1"),
        ("a\t@b;-c", "a\t'@b;'-c"),
    ],
)
def test_a_text_that_would_be_two_cells_elsewhere_has_no_formula_in_the_second(text, shown):
    assert cell(text) == shown


@pytest.mark.parametrize(
    "text", ["", "a", "a=1", "a, -5", "1-2", "ada@example.com", "'quoted", "a\nb", "x;y", "Ünïcode 🙂"]
)
def test_any_other_text_stays_as_it_is(text):
    assert cell(text) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-700, "-700"),
        (0, "0"),
        (2**53, "9007199254740992"),
        (-0.5, "-0.5"),
        (None, ""),
        (AT, "2026-11-21T09:30:00.000Z"),
        (ObjectId("6920258f1c9d440000a1b2c3"), "6920258f1c9d440000a1b2c3"),
        ({"url": "=1", "at": AT}, '{"url": "=1", "at": "2026-11-21T09:30:00.000Z"}'),
        ({";=1": 2}, '{";\'=1": 2}'),
        ([1, "ü"], '[1, "ü"]'),
    ],
)
def test_what_is_no_text_stands_as_programs_write_it(value, shown):
    assert cell(value) == shown


def test_a_long_text_of_line_ends_is_written_in_no_time():
    assert cell("a" + "\n" * 100_000 + "b").count("\n") == 100_000


def test_json_lines_hold_texts_as_they_are():
    rows = [{"what": "=1\n2", "when": AT, "more": 1}, {"what": "ü", "when": None, "more": 2}]
    written = list(lines(Format.JSON_LINES, rows, ["what", "when"]))
    assert [line.count("\n") for line in written] == [1, 1]
    assert [json.loads(line) for line in written] == [
        {"what": "=1\n2", "when": "2026-11-21T09:30:00.000Z"},
        {"what": "ü", "when": None},
    ]


@pytest.mark.parametrize("format_", Format)
def test_a_row_is_written_before_the_next_one_is_taken(format_):
    taken = []

    def rows():
        for n in range(3):
            taken.append(n)
            yield {"n": n}

    written = lines(format_, rows(), ["n"])
    if format_ is Format.CSV:
        assert next(written) == "\ufeffn\r\n"
    next(written)
    assert taken == [0]
