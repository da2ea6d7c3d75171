"""Quota administration as JSON."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pydantic import Field

from app.models.account import Account, EntryType
from app.routes.api.account_shapes import CamelAccountShape
from app.routes.api.shapes import CamelShape, Id, Instant
from app.services.account_moment import Choice, Entry
from app.services.ledger import HOLDS
from app.services.ledger_pages import Page


class Kind(StrEnum):
    """What these clients tell apart in a ledger."""

    ANALYSIS = "analysis"
    RESET = "reset"
    BONUS = "bonus"
    ADJUSTMENT = "adjustment"


_RENEWED = frozenset({EntryType.RESET, EntryType.RENEWAL})
_OTHERS = frozenset(EntryType) - HOLDS - _RENEWED - {EntryType.USAGE}
# The ledger's entries of each kind, in the order in which the first that takes one names it.
CHOICES = {
    Kind.ANALYSIS: Choice(frozenset({EntryType.USAGE})),
    Kind.RESET: Choice(_RENEWED),
    Kind.BONUS: Choice(_OTHERS, rising=True),
    Kind.ADJUSTMENT: Choice(_OTHERS, rising=False),
}


class Quota(CamelShape):
    """An account."""

    success: bool
    data: CamelAccountShape


class HistoryEntry(CamelShape):
    """A change of a balance."""

    id: Id
    seq: int = Field(examples=[18])
    user_id: Id
    type: Kind
    ledger_type: EntryType
    tokens_amount: int = Field(examples=[-25_000])
    tokens_before: int = Field(examples=[107_500])
    tokens_after: int = Field(examples=[82_500])
    analysis_url: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="What was recorded as `metadata.url`, where it is an http or https address.",
    )
    analysis_id: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="What was recorded as `metadata.analysis_id`, where it is text.",
    )
    description: str
    metadata: dict[str, Any]
    created_at: Instant


class HistoryPage(CamelShape):
    """A page of a ledger, newest first."""

    data: list[HistoryEntry]
    total: int = Field(description="On all pages.")
    page: int
    limit: int
    total_pages: int


class History(CamelShape):
    """A page of a ledger."""

    success: bool
    data: HistoryPage


class NewAllowance(CamelShape):
    """The allowance now, after a reset."""

    limit: int
    used: int
    remaining: int
    period_end: Instant | None


class ResetData(CamelShape):
    """What a reset brought."""

    message: str
    new_quota: NewAllowance


class Reset(CamelShape):
    """The allowance was given back."""

    success: bool
    message: str
    data: ResetData


class RaisedAllowance(CamelShape):
    """The allowance now, after tokens were added."""

    limit: int
    used: int
    remaining: int
    bonus_added: int


class AddedData(CamelShape):
    """What was added."""

    message: str
    new_quota: RaisedAllowance


class Added(CamelShape):
    """Tokens were added."""

    success: bool
    message: str
    data: AddedData


def history(user_id: str, page: Page, *, number: int, limit: int) -> History:
    """A page as these clients number it."""
    entries = [_entry(user_id, entry) for entry in page.entries]
    pages = -(-page.total // limit)
    return History(
        success=True, data=HistoryPage(data=entries, total=page.total, page=number, limit=limit, total_pages=pages)
    )


def reset(account: Account, message: str) -> Reset:
    """The answer to a reset."""
    allowance = NewAllowance(
        limit=account.limit, used=account.used, remaining=account.allowance_left, period_end=account.period_end
    )
    return Reset(success=True, message=message, data=ResetData(message=message, new_quota=allowance))


def added(account: Account, bonus: int, message: str) -> Added:
    """The answer to a bonus."""
    allowance = RaisedAllowance(
        limit=account.limit, used=account.used, remaining=account.allowance_left, bonus_added=bonus
    )
    return Added(success=True, message=message, data=AddedData(message=message, new_quota=allowance))


def _entry(user_id: str, entry: Entry) -> HistoryEntry:
    metadata = dict(entry.get("metadata") or {})
    return HistoryEntry(
        id=str(entry["_id"]),
        seq=entry["seq"],
        user_id=user_id,
        type=next(kind for kind, choice in CHOICES.items() if choice.takes(entry)),
        ledger_type=entry["type"],
        tokens_amount=entry["amount"],
        tokens_before=entry["before"],
        tokens_after=entry["after"],
        analysis_url=_lifted(metadata, "url", _is_address),
        analysis_id=_lifted(metadata, "analysis_id", lambda value: isinstance(value, str)),
        description=entry["description"],
        metadata=metadata,
        created_at=entry["at"],
    )


def _lifted(metadata: dict[str, Any], name: str, suits: Callable[[Any], bool]) -> str | None:
    """Takes `name` out of the metadata where its value suits; callers recorded there what they liked."""
    return metadata.pop(name) if name in metadata and suits(metadata[name]) else None


def _is_address(value: Any) -> bool:
    # Clients make a link of it, and must not be given one that runs a script.
    return isinstance(value, str) and value.lower().startswith(("http://", "https://"))
