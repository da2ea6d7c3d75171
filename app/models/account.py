"""A token account as the rules see it: plain values, no database. `token_account.py` is the same thing as it is stored."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from bson import ObjectId

from app.clock import FAR

ALLOWANCE = "allowance"


class EntryType(StrEnum):
    """What a ledger entry records."""

    USAGE = "usage"
    HOLD = "hold"
    RELEASE = "release"
    RENEWAL = "renewal"
    RESET = "reset"
    GRANT = "grant"
    BONUS = "bonus"
    PURCHASE = "purchase"
    EXPIRY = "expiry"
    ADJUSTMENT = "adjustment"
    REVOCATION = "revocation"


class GrantSource(StrEnum):
    """Where a grant comes from."""

    INITIAL = "initial"
    PURCHASE = "purchase"
    BETA = "beta"
    BONUS = "bonus"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a tier allows: `limit` tokens each `period`; a period of zero means no allowance."""

    tier: str
    limit: int
    period: timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that the rules depend on: each tier's terms, and the available tokens under which a user is warned, or out."""

    tiers: Mapping[str, Terms]
    low_balance: int
    out_of_tokens: int

    def is_out(self, available: int) -> bool:
        """Whether so little is available that nothing is sent to an assistant any more."""
        return available < self.out_of_tokens


@dataclass(slots=True)
class Grant:
    """Tokens that stay until used or expired (`expires_at` None: never)."""

    id: ObjectId
    source: str
    amount: int
    left: int
    at: datetime
    expires_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """When it expires; later than anything where it never does."""
        return self.expires_at or FAR


@dataclass(frozen=True, slots=True)
class Hold:
    """An amount that others may not spend until `expires_at`; its id is the id of its ledger entry."""

    id: ObjectId
    amount: int
    at: datetime
    expires_at: datetime


@dataclass(slots=True)
class Account:
    """Limit, use, grants and holds, and the figures that follow from them; amounts in tokens, times in UTC."""

    id: ObjectId
    tier: str
    limit: int
    period: timedelta
    period_start: datetime
    used: int = 0
    grants: list[Grant] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    period_calls: int = 0
    lifetime_calls: int = 0
    lifetime_tokens: int = 0
    last_spend_at: datetime | None = None
    last_entry_at: datetime | None = None
    # What follows from the rest is stored too, so that one conditional update can guard a spend.
    balance: int = 0
    held: int = 0
    available: int = 0
    allowance_left: int = 0
    # What a spend may take without the rules: covered by the allowance, available, and nothing to tell the user of.
    plain_left: int = 0
    # The earliest moment at which time changes anything.
    due_at: datetime = FAR

    @property
    def has_allowance(self) -> bool:
        """Whether the allowance ever renews."""
        return self.period > timedelta(0)

    @property
    def period_end(self) -> datetime | None:
        """When the allowance renews; None without one."""
        return self.period_start + self.period if self.has_allowance else None

    @property
    def usage_percent(self) -> float:
        """Share of the allowance used in this period: one decimal, 0 without an allowance, at most 100."""
        return min(100.0, round(self.used * 100 / self.limit, 1)) if self.limit else 0.0

    def copy(self) -> Self:
        """The same account, sharing nothing that a rule changes."""
        # Each operation makes two copies, and `dataclasses.replace` takes four times as long.
        grants = [Grant(one.id, one.source, one.amount, one.left, one.at, one.expires_at) for one in self.grants]
        own = {"grants": grants, "holds": list(self.holds)}
        return type(self)(**{name: getattr(self, name) for name in self.__slots__} | own)


@dataclass(frozen=True, slots=True)
class Operation:
    """One wish to change an account.

    `by` is an actor's stamp; `earlier` the ledger entry that a revocation undoes or a late settlement belongs to, looked up
    by whoever commits; `terms` what the settings give the tier of a change; `audit` what the audit event says of it (action,
    actor, reason), None where the ledger is the trail; `tried` that an earlier attempt may have been written.
    """

    verb: str
    arguments: Mapping[str, Any]
    by: Mapping[str, str]
    at: datetime
    id: ObjectId = field(default_factory=ObjectId)
    key: str | None = None
    description: str = ""
    reference: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    earlier: Mapping[str, Any] | None = None
    terms: Terms | None = None
    audit: Mapping[str, Any] | None = None
    tried: bool = False

    def fingerprint(self) -> str:
        """A digest of the operation and its arguments as given: the same key with another digest is a conflict."""
        content = [self.verb, dict(self.arguments), self.description, self.reference, self.metadata]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(slots=True)
class Change:
    """What an operation did to the balance: an entry in the making.

    `answer` is what a repeat of the key must hear again, `freed` what a closed hold had reserved.
    """

    type: EntryType
    allowance: int = 0
    grants: dict[ObjectId, int] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)
    freed: int = 0

    @property
    def amount(self) -> int:
        """The change of the balance, signed."""
        return self.allowance + sum(self.grants.values())

    def parts(self) -> list[dict[str, Any]]:
        """Where the amount came from or went: `[{source: "allowance" or a grant's id, amount}]`."""
        sources = {ALLOWANCE: self.allowance, **{str(id_): amount for id_, amount in self.grants.items()}}
        return [{"source": source, "amount": amount} for source, amount in sources.items() if amount]
