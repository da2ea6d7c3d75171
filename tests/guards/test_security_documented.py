"""docs/security.md names tests that there are, and says of every item which test holds it, or why none does."""

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
    assert [cells[0] for cells in rows() if "tests/" not in cells[2] and not cells[2].startswith("Reason: ")] == []
