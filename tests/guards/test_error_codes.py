"""The list of error codes that programs rely on is the list that the code has."""

import re
from pathlib import Path

from app import errors
from app.models.domain_error import DomainError

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
# | `code` | 400, 409 | meaning |
ROW = re.compile(r"^\| `([a-z_]+)` \| ([0-9, ]+) \| .+ \|$", re.MULTILINE)


def subclasses(of: type[DomainError]) -> set[type[DomainError]]:
    return {one for direct in of.__subclasses__() for one in {direct, *subclasses(direct)}}


def in_the_code() -> set[tuple[str, int]]:
    ours = {(one.code, one.status) for one in subclasses(DomainError)}
    return ours | {(code, status) for status, code in errors.CODES.items()}


def in_the_document() -> set[tuple[str, int]]:
    rows = ROW.findall(DOCUMENT.read_text())
    return {(code, int(status)) for code, statuses in rows for status in statuses.split(",")}


def test_every_error_has_a_code_of_its_own():
    assert all("code" in vars(one) or one.__base__ is not DomainError for one in subclasses(DomainError))
    assert all(one.code != DomainError.code for one in subclasses(DomainError))


def test_the_document_lists_every_code_that_the_code_has():
    assert in_the_code() - in_the_document() == set()


def test_the_document_lists_no_code_that_is_gone():
    assert in_the_document() - in_the_code() == set()


def test_no_code_stands_twice():
    codes = [code for code, _statuses in ROW.findall(DOCUMENT.read_text())]
    assert len(codes) == len(set(codes))
