"""What taking an approval back would do to the requester's account, and what it has done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import clock
from app.models import account_rules
from app.models.account import Operation
from app.models.actor import SYSTEM
from app.models.domain_error import NotFound
from app.models.token_request import Status, TokenRequest
from app.services import account_commit, ledger, request_kinds, token_accounts


@dataclass(frozen=True, slots=True)
class Return:
    """What an approval gave, and how much of it goes or went back, in tokens."""

    given: int
    taken: int

    @property
    def missing(self) -> int:
        """What cannot be taken, because it is spent, expired or held."""
        return self.given - self.taken


def preview(token_request: TokenRequest) -> Return | None:
    """What revoking the approved request would take now, by the account's own rules; nothing is written.

    None where an approval of the kind gives no tokens, or has not given them yet.
    """
    at, by = clock.now(), SYSTEM
    item = request_kinds.ON_REVOCATION[token_request.kind](token_request, key="preview", by=by, at=at, granted=None)
    if item["verb"] != "account.revoke":
        return None
    undoes = item["arguments"]["undoes"]
    try:
        earlier = ledger.by_key(token_request.user, undoes)
    except NotFound:
        return None
    operation = Operation("revoke", {"undoes": undoes}, by.stamp(), at, earlier=earlier)
    account = token_accounts.view(token_request.user)
    _after, entries, _due = account_rules.apply(account, operation, account_commit.policy())
    return _return(entries[-1])


def outcome(token_request: TokenRequest) -> Return | None:
    """What the revocation of the revoked request took; None where it concerned no tokens, or is not done yet."""
    place = max(n for n, step in enumerate(token_request.history) if step["to_status"] == Status.REVOKED)
    try:
        return _return(ledger.by_key(token_request.user, f"request:{token_request.id}:{place}"))
    except NotFound:
        return None


def _return(entry: Mapping[str, Any]) -> Return:
    taken = -entry["amount"]
    return Return(given=taken + entry["answer"]["uncovered"], taken=taken)
