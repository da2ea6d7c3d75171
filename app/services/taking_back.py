"""How much of what an account was given goes back when it is taken away again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from app import clock
from app.models import account_rules
from app.models.account import Operation
from app.models.actor import SYSTEM
from app.models.domain_error import NotFound
from app.services import account_reading, ledger, token_accounts


@dataclass(frozen=True, slots=True)
class Return:
    """What was given, and how much of it goes or went back, in tokens."""

    given: int
    taken: int

    @property
    def missing(self) -> int:
        """What cannot be taken, because it is spent, expired or held."""
        return self.given - self.taken


def forecast(user_id: ObjectId, undoes: str) -> Return | None:
    """What undoing the entry with the key `undoes` would take now, by the account's own rules; None before there is one."""
    try:
        earlier = ledger.by_key(user_id, undoes)
    except NotFound:
        return None
    operation = Operation("revoke", {"undoes": undoes}, SYSTEM.stamp(), clock.now(), earlier=earlier)
    _after, entries, _due = account_rules.apply(token_accounts.view(user_id), operation, account_reading.policy())
    return _return(entries[-1])


def outcome(user_id: ObjectId, key: str) -> Return | None:
    """What the revocation with this key took; None before it is done."""
    try:
        return _return(ledger.by_key(user_id, key))
    except NotFound:
        return None


def _return(entry: Mapping[str, Any]) -> Return:
    taken = -entry["amount"]
    return Return(given=taken + entry["answer"]["uncovered"], taken=taken)
