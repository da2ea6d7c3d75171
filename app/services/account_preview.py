"""What a reset or a bonus would do to an account: the rules themselves, applied to it as it is now. Nothing is written."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from app import clock
from app.models import account_rules
from app.models.account import Account, Operation
from app.models.actor import SYSTEM
from app.services import account_reading, token_accounts


@dataclass(frozen=True, slots=True)
class Preview:
    """An account before and after."""

    before: Account
    after: Account

    @property
    def gained(self) -> int:
        """What the balance rises by."""
        return self.after.balance - self.before.balance

    @property
    def counted_used(self) -> int:
        """What counts as used before: at most the limit."""
        return min(self.before.used, self.before.limit)

    @property
    def lowered(self) -> int:
        """By how much `used` goes down, so far as it counts."""
        return self.counted_used - min(self.after.used, self.after.limit)

    @property
    def becomes_grant(self) -> int:
        """What of the gain is no lower `used`."""
        return self.gained - self.lowered


def reset(user_id: ObjectId) -> Preview:
    """What a reset would do now."""
    return _applied(user_id, "reset")


def bonus(user_id: ObjectId, tokens: int) -> Preview:
    """What a bonus of `tokens` would do now; raises what the bonus itself would be refused with."""
    return _applied(user_id, "add_bonus", tokens=tokens)


def _applied(user_id: ObjectId, verb: str, **arguments: Any) -> Preview:
    before = token_accounts.view(user_id)
    operation = Operation(verb, arguments, SYSTEM.stamp(), clock.now())
    after, _entries, _due = account_rules.apply(before, operation, account_reading.policy())
    return Preview(before, after)
