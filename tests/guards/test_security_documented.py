"""docs/security.md names tests that there are, and says of every item which test holds it, or what is otherwise."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/security.md").read_text()


def rows() -> list[list[str]]:
    """The cells of each row of each table, without the headings."""
    lines = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| item ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_test_that_it_names_exists():
    named = set(re.findall(r"tests/[\w/.]+\b/?", TEXT))
    assert len(named) > 40
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_each_item_has_its_test_or_its_reason():
    assert len(rows()) > 60
    assert [cells for cells in rows() if len(cells) != 3] == []
    others = [cells for cells in rows() if "tests/" not in cells[2]]
    assert [cells[0] for cells in others if not cells[2].startswith(("Reason: ", "Not met: ", "Not met in "))] == []


def test_each_item_is_named_by_its_number():
    numbers = re.compile(r"\d+\.\d+\.\d+")
    assert [cells[0] for cells in rows() if numbers.sub("", cells[0]).strip(" ,\u2013") not in ("", "(level 3)")] == []
    named = [number for cells in rows() for number in numbers.findall(cells[0])]
    assert len(named) == len(set(named))
