"""Answers that are files, sent as they are made."""

from collections.abc import Iterable, Iterator
from typing import Any

from bson import ObjectId
from flask import Response

from app import access, clock
from app.exports import Format, Row, json_document, lines
from app.routes import ledger_query
from app.services import ledger_export

BLOCK = 32_768


def ledger(user_id: ObjectId, format_: Format) -> Response:
    """A user's ledger, oldest first; the address chooses by `type` and `holds` as the history's does."""
    rows = ledger_export.rows(user_id, ledger_query.choice(), by=access.actor())
    return streaming_response(f"ledger-{user_id}", format_, rows, ledger_export.COLUMNS)


def streaming_response(name: str, format_: Format, rows: Iterable[Row], columns: Iterable[str]) -> Response:
    """The rows as the file `<name>-<date>.<format>`, for nobody's cache."""
    return _file(f"{name}-{clock.now():%Y-%m-%d}.{format_}", format_.media_type, lines(format_, rows, columns))


def streaming_document(name: str, parts: Iterable[tuple[str, Any]]) -> Response:
    """The parts, as in `exports.json_document`, as the file `<name>-<date>.json`, for nobody's cache."""
    return _file(f"{name}-{clock.now():%Y-%m-%d}.json", "application/json", json_document(parts))


def _file(filename: str, media_type: str, texts: Iterable[str]) -> Response:
    response = Response(_blocks(texts), content_type=f"{media_type}; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    response.headers["Cache-Control"] = "no-store"
    return response


def _blocks(texts: Iterable[str]) -> Iterator[bytes]:
    """A line at a time would be a packet at a time."""
    block = bytearray()
    for text in texts:
        block += text.encode()
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
