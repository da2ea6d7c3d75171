"""Which entries of a ledger an address asks for: the same for its pages and for its files."""

from typing import Any

from app import pagination
from app.models.account import EntryType
from app.services import ledger
from app.services.account_moment import Choice, Moment


def choice() -> Choice:
    """The entries of the `type` that the address names, or of all; `holds` adds holds and releases."""
    type_, holds = _asked()
    return ledger.choice([EntryType(type_)] if type_ else None, with_holds=holds is not None)


def shown(moment: Moment) -> dict[str, Any]:
    """The page of these entries that the address asks for, with what its filters show, by the templates' names."""
    type_, holds = _asked()
    entries = moment.newest(choice(), pagination.FETCHED, below=pagination.before_number())
    page = pagination.page(entries, key=lambda entry: entry["seq"], type=type_, holds=holds)
    return {"page": page, "types": list(EntryType), "chosen": type_, "holds": holds}


def _asked() -> tuple[str | None, str | None]:
    return pagination.chosen("type", list(EntryType)), pagination.chosen("holds", ["shown"])
