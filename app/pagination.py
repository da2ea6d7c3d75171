"""Pages of a list by key: each page names the row that it continues after, so that the last page costs what the first does."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from flask import abort, request, url_for
from flask_babel import gettext as _

SIZE = 50
# One row more than a page shows says whether there is an older page.
FETCHED = SIZE + 1
_NUMBER = re.compile(r"[0-9]{1,15}")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class Page:
    """The rows that a page shows, newest first, and the addresses of the first page and of the next one, where there are any."""

    rows: Sequence[Any]
    newest: str | None
    older: str | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows of a page, and the addresses of the first page, of the one before and of the one after, where there are any."""

    rows: Sequence[Any]
    first: str | None
    previous: str | None
    next: str | None


def both_ways(
    fetch: Callable[..., list[Any]], *, key: Callable[[Any], int], oldest_first: bool, **filters: str | None
) -> Stretch:
    """The page that the address's `before` or `after` asks for, 400 for anything else; `filters` stay in the addresses.

    `fetch(before=, after=, oldest_first=, limit=)` gives rows in the order of their numbers, which `key` names.
    """
    before, after = _number("before"), _number("after")
    onwards, back = ("after", "before") if oldest_first else ("before", "after")
    goes_back = (before if oldest_first else after) is not None
    # Rows are fetched outwards from the one that the address names, so those before it come in the opposite order.
    fetched = fetch(before=before, after=after, oldest_first=oldest_first != goes_back, limit=FETCHED)
    if goes_back and len(fetched) <= SIZE:
        # The beginning is the first page, which is full where there is enough to fill it.
        before = after = None
        goes_back, fetched = False, fetch(oldest_first=oldest_first, limit=FETCHED)
    rows, more = fetched[:SIZE], len(fetched) > SIZE
    if goes_back:
        rows = rows[::-1]
    inside = before is not None or after is not None
    return Stretch(
        rows,
        first=_address(filters) if inside else None,
        previous=_address(filters, **{back: key(rows[0])}) if inside and rows else None,
        next=_address(filters, **{onwards: key(rows[-1])}) if goes_back or more else None,
    )


def before_number() -> int | None:
    """The number that the address's `before` gives; None on the first page, 400 for anything else."""
    return _number("before")


def before_id() -> ObjectId | None:
    """As `before_number`, for lists in the order of their ids."""
    return named_id("before")


def named_id(name: str) -> ObjectId | None:
    """The row that the address names as `name`; None where it names none, 400 for anything else."""
    place = _place(name, _OBJECT_ID)
    return ObjectId(place) if place else None


def page(fetched: Sequence[Any], *, key: Callable[[Any], object], **filters: str | None) -> Page:
    """The page of up to `FETCHED` rows; `key` is what `before` names a row by, `filters` stay in the address."""
    rows = fetched[:SIZE]
    older = _address(filters, before=key(rows[-1])) if len(fetched) > SIZE else None
    return Page(rows, newest=_address(filters) if request.args.get("before") else None, older=older)


def chosen(name: str, choices: Sequence[str]) -> str | None:
    """The one of `choices` that the address names as `name`; None where it names none, 400 for anything else."""
    value = request.args.get(name)
    if value and value not in choices:
        abort(400, _("The address asks for something that there is not in this list."))
    return value or None


def _number(name: str) -> int | None:
    place = _place(name, _NUMBER)
    return int(place) if place else None


def _place(name: str, pattern: re.Pattern[str]) -> str | None:
    place = request.args.get(name)
    if place and not pattern.fullmatch(place):
        abort(400, _("The address of this page is not complete. Please start at the first page of the list."))
    return place or None


def _address(filters: dict[str, str | None], **place: object) -> str:
    values: dict[str, Any] = {**(request.view_args or {}), **filters, **place}
    return url_for(str(request.endpoint), **values)
