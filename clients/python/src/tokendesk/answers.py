"""What the server answers, as objects. Further fields of an answer are passed over: newer servers may send more."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from tokendesk.connection import Answer


@dataclass(frozen=True)
class Entry:
    """A row of the ledger; `amount` is negative where tokens were taken."""

    id: str
    type: str
    amount: int
    description: str
    created_at: datetime

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """The entry in an answer."""
        return cls(
            id=fields["id"],
            type=fields["type"],
            amount=fields["amount"],
            description=fields["description"],
            created_at=datetime.fromisoformat(fields["created_at"]),
        )


@dataclass(frozen=True)
class Usage:
    """A charge. `replayed`: the key had been charged before, perhaps by an attempt of the same call that got no answer."""

    remaining_tokens: int
    entry: Entry
    replayed: bool

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """The charge in an answer."""
        return cls(answer.body["remaining_tokens"], Entry.of(answer.body["entry"]), answer.replayed)


@dataclass(frozen=True)
class Settlement:
    """What became of a hold; `uncovered` tokens were used, but not there to be taken."""

    remaining_tokens: int
    entry: Entry
    uncovered: int

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """The settlement in an answer."""
        return cls(answer.body["remaining_tokens"], Entry.of(answer.body["entry"]), answer.body["uncovered"])


@dataclass(frozen=True)
class SignInLink:
    """An address that signs its user in, once."""

    url: str
    expires_at: datetime

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """The link in an answer."""
        return cls(answer.body["url"], datetime.fromisoformat(answer.body["expires_at"]))
