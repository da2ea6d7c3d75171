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


def before_number() -> int | None:
    """The number that the address's `before` gives; None on the first page, 400 for anything else."""
    before = _before(_NUMBER)
    return int(before) if before else None


def before_id() -> ObjectId | None:
    """As `before_number`, for lists in the order of their ids."""
    before = _before(_OBJECT_ID)
    return ObjectId(before) if before else None


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


def _before(pattern: re.Pattern[str]) -> str | None:
    before = request.args.get("before")
    if before and not pattern.fullmatch(before):
        abort(400, _("The address of this page is not complete. Please start at the first page of the list."))
    return before or None


def _address(filters: dict[str, str | None], **place: object) -> str:
    values: dict[str, Any] = {**(request.view_args or {}), **filters, **place}
    return url_for(str(request.endpoint), **values)
