"""Accounts in the middle of their lives, and tables of what is done to them: one sentence a row."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from bson import ObjectId

from app.models import account_rules
from app.models.account import Account, Grant, Hold, Operation, Policy, Terms

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
MILLISECOND = timedelta(milliseconds=1)
# When things are done unless a test says otherwise.
AT = START + DAY

FREE = Terms("free", 100_000, WEEK)
PRO = Terms("pro", 1_000_000, WEEK)
PREPAID = Terms("prepaid", 0, timedelta(0))
LOW = 1_000
# Nobody is out of tokens unless a test says so.
OUT = 0
BY = {"kind": "key", "id": "64f0c2a1b7e4d3c2a1b0f9e8", "name": "The product"}


def policy(*terms: Terms) -> Policy:
    """The usual settings, but for these terms."""
    return Policy({one.tier: one for one in (FREE, PRO, PREPAID, *terms)}, LOW, OUT)


def account(terms: Terms = FREE, **values: Any) -> Account:
    """An account whose period began at `START`."""
    given = {"period_start": START, "last_entry_at": START, **values}
    return Account(ObjectId(), terms.tier, terms.limit, terms.period, **given)


def grant(left: int, expires_at: datetime | None = None, **values: Any) -> Grant:
    """What is left of a grant of twice as much."""
    given = {"id": ObjectId(), "source": "bonus", "amount": 2 * left, "at": START, **values}
    return Grant(left=left, expires_at=expires_at, **given)


def hold(amount: int, expires_at: datetime = START + WEEK) -> Hold:
    """A hold, open until its end; the usual one outlasts all that these tests do."""
    return Hold(ObjectId(), amount, START, expires_at)


class Done(NamedTuple):
    """What came of an operation."""

    account: Account
    entries: list[dict[str, Any]]
    due: list[dict[str, Any]]

    @property
    def entry(self) -> dict[str, Any]:
        """The operation's own, after those that time brought."""
        return self.entries[-1]

    @property
    def brought(self) -> list[tuple[str, int, datetime]]:
        """Type, amount and date of what time brought."""
        return [(entry["type"], entry["amount"], entry["at"]) for entry in self.entries[:-1]]

    @property
    def left(self) -> list[int]:
        """What is left of each grant."""
        return [one.left for one in self.account.grants]

    def part(self, source: object) -> int:
        """What of the entry's amount came from, or went to, the allowance or a grant."""
        return sum(part["amount"] for part in self.entry["parts"] if part["source"] == str(source))


def done(
    on: Account,
    verb: str,
    *,
    at: datetime = AT,
    settings: Policy | None = None,
    key: str | None = None,
    earlier: dict[str, Any] | None = None,
    terms: Terms | None = None,
    **arguments: Any,
) -> Done:
    """Does one thing to an account."""
    operation = Operation(verb, arguments, BY, at, key=key, earlier=earlier, terms=terms)
    return Done(*account_rules.apply(on, operation, settings or policy()))


def spent(on: Account, tokens: int, **values: Any) -> Done:
    """Spends."""
    return done(on, "spend", tokens=tokens, **values)


def moved(on: Account, terms: Terms, **values: Any) -> Done:
    """Changes the tier."""
    return done(on, "change_tier", tier=terms.tier, terms=terms, **values)


def entry_of(kind: str, *, at: datetime = START, **parts: int) -> dict[str, Any]:
    """An earlier entry; parts by source, `allowance` or a grant's id."""
    amounts = [{"source": source, "amount": amount} for source, amount in parts.items()]
    return {"_id": ObjectId(), "type": kind, "at": at, "amount": sum(parts.values()), "parts": amounts}


def table(columns: str, rows: Iterable[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """A test for each row; its sentence comes first."""
    return pytest.mark.parametrize(columns.split(), [pytest.param(*values, id=sentence) for sentence, *values in rows])
