"""Rows as CSV, as JSON Lines and as JSON, a line at a time: however long a list is, nobody holds more of it than a row.

CSV is for spreadsheets: UTF-8 with a byte order mark, without which Excel takes it for something else, and no text in it is a
formula. JSON Lines is for programs: one object a line, texts as they are.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from bson import ObjectId

from app import clock

BYTE_ORDER_MARK = "\ufeff"
# Where a spreadsheet would begin to read a formula: where a cell begins, and behind what it may take for the end of one,
# since some take a semicolon for the comma. The wide signs are those of East Asian keyboards.
_FORMULA = re.compile(r"(?:^|(?<=[;\t\r\n]))(?=[^\S\t\r\n]*[-=+@\uff0d\uff1d\uff0b\uff20])|^(?=[\t\r\n])")

Row = Mapping[str, Any]


class Format(StrEnum):
    """How a list is written down; the value is also the ending of the file's name."""

    CSV = "csv"
    JSON_LINES = "jsonl"

    @property
    def media_type(self) -> str:
        """As in `Content-Type`."""
        return {Format.CSV: "text/csv", Format.JSON_LINES: "application/jsonl"}[self]


def lines(format_: Format, rows: Iterable[Row], columns: Iterable[str]) -> Iterator[str]:
    """`columns` of each row in the format, a line at a time, with its end."""
    write = {Format.CSV: csv_lines, Format.JSON_LINES: json_lines}[format_]
    return write(rows, list(columns))


def csv_lines(rows: Iterable[Row], columns: list[str]) -> Iterator[str]:
    """RFC 4180 with a header; what is neither text, number nor time stands as JSON."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)

    def line(cells: Iterable[Any]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()

    yield BYTE_ORDER_MARK + line(columns)
    for row in rows:
        yield line(_cell(row[column]) for column in columns)


def json_lines(rows: Iterable[Row], columns: list[str]) -> Iterator[str]:
    """An object a line, with ids as text and times in UTC."""
    for row in rows:
        yield _json({column: row[column] for column in columns}) + "\n"


def json_document(parts: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """One JSON object of named parts; of a part that is an iterator, an object a line."""
    before = "{"
    for name, part in parts:
        yield f"{before}\n{_json(name)}: "
        before = ","
        if isinstance(part, Iterator):
            yield from _array(part)
        else:
            yield _json(part)
    yield "\n}\n"


def _array(rows: Iterator[Row]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield f"{before}\n{_json(row)}"
        before = ","
    yield "]" if before == "," else "[]"


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _no_formula(value)
    if isinstance(value, datetime | ObjectId):
        return _plain(value)
    return _no_formula(_json(value)) if isinstance(value, Mapping | list | tuple) else value


def _no_formula(text: str) -> str:
    """`text` with an apostrophe before what would be a formula: spreadsheets take it for "this is text"."""
    return _FORMULA.sub("'", text)


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, ObjectId):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in an export")
