"""What metering takes and answers, as JSON."""

from typing import Annotated, Any

from pydantic import Field

from app.models.account_rules import LARGEST_AMOUNT
from app.routes.api.frame import JsonInt, text
from app.routes.api.shapes import Id, Instant, Shape
from app.services.account_commit import Outcome
from app.services.token_accounts import LARGEST_TTL, LONGEST_DESCRIPTION

Tokens = Annotated[JsonInt, Field(ge=1, le=LARGEST_AMOUNT, examples=[700])]
# What a hold is settled with: nothing may have been used.
SettledTokens = Annotated[JsonInt, Field(ge=0, le=LARGEST_AMOUNT, examples=[1_234])]
Seconds = Annotated[JsonInt, Field(ge=1, le=LARGEST_TTL, description="How long, in seconds.")]
Description = Annotated[str, text(0, LONGEST_DESCRIPTION, "What the ledger says of it.", examples=["gpt-4o"])]
Metadata = Annotated[
    dict[str, Any],
    Field(
        description="Flat: up to 10 plain values, 1 kB in all; `url` and `analysis_id` are shown in the history.",
        examples=[{"url": "https://example.com"}],
    ),
]


class Entry(Shape):
    """An entry of the user's ledger."""

    id: Id
    type: str = Field(examples=["usage"])
    amount: int = Field(examples=[-700], description="The change of the balance.")
    description: str
    created_at: Instant


class Remaining(Shape):
    """What a spend or a hold may take now."""

    remaining_tokens: int = Field(examples=[49_150])


class Spent(Remaining):
    """Tokens were taken."""

    entry: Entry


class Held(Remaining):
    """Tokens are kept from being spent otherwise."""

    hold_id: str = Field(pattern="^[0-9a-f]{48}$")
    expires_at: Instant


class Settled(Spent):
    """A hold was closed."""

    uncovered: int = Field(examples=[0], description="What the account could not cover.")


def remaining(outcome: Outcome) -> Remaining:
    """After a hold was released."""
    return Remaining(remaining_tokens=outcome.available)


def spent(outcome: Outcome) -> Spent:
    """After tokens were taken."""
    return Spent(remaining_tokens=outcome.available, entry=_entry(outcome))


def held(outcome: Outcome) -> Held:
    """After a hold was made."""
    return Held(remaining_tokens=outcome.available, hold_id=outcome.hold_id, expires_at=outcome.expires_at)


def settled(outcome: Outcome) -> Settled:
    """After a hold was settled."""
    return Settled(remaining_tokens=outcome.available, entry=_entry(outcome), uncovered=outcome.uncovered)


def _entry(outcome: Outcome) -> Entry:
    return Entry(
        id=str(outcome.entry_id),
        type=outcome.type,
        amount=outcome.amount,
        description=outcome.description,
        created_at=outcome.at,
    )
