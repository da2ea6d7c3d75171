"""When a user must be told of their own use, or lists of them that they are out of tokens: pure functions.

`account_rules.py` asks them as it works.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.models.account import Account, Change, Policy
from app.models.due_item import due_item
from app.models.webhook import Event

# Shares of the allowance, in percent, whose crossing a user is told of.
TOLD_SHARES = (80, 95, 100)


def until_told(account: Account, policy: Policy) -> int:
    """How much of the allowance can be spent before somebody must be told of it."""
    room = [used - account.used - 1 for used in _told_at(account).values() if account.used < used]
    lines = (policy.low_balance, policy.out_of_tokens)
    room += [account.available - line for line in lines if account.available >= line]
    return min(room, default=account.available)


def _told_at(account: Account) -> dict[int, int]:
    """The `used` at which each told share of the allowance is reached, by percent, rounded up."""
    return {share: -(-account.limit * share // 100) for share in TOLD_SHARES} if account.limit else {}


def told(
    account: Account, before: Account, change: Change, policy: Policy, entry: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A notice for each crossing that this entry made, under a key that a period has once (without periods: each crossing)."""
    period = int(account.period_start.timestamp() * 1000) if account.has_allowance else entry["_id"]
    kinds: dict[str, dict[str, Any]] = {
        f"allowance_{share}": {} for share, used in _told_at(account).items() if before.used < used <= account.used
    }
    if before.available + change.freed >= policy.low_balance > account.available:
        kinds["tokens_low"] = {"available": account.available}
    key, at = f"account:{account.id}:{period}", entry["at"]
    url = "/account/stopped" if policy.is_out(account.available) else "/account"
    items = [
        due_item(f"{key}:{kind}", "notify", at=at, user=account.id, kind=kind, values=values, url=url)
        for kind, values in kinds.items()
    ]
    if "tokens_low" in kinds:
        event = {"event": Event.TOKENS_LOW.value, "data": {"user": account.id}}
        items.append(due_item(f"{key}:tokens_low", "deliver.event", at=at, **event))
    return items


def noted(
    account: Account, earlier: Sequence[Account], policy: Policy, entry: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A note for the user's document where this entry, or time before it, brought the user out of tokens or out of that.

    `earlier` is the account as it was stored, and as time had made it since, of which a list may know already.
    """
    is_out = policy.is_out(account.available)
    if all(policy.is_out(one.available) == is_out for one in earlier):
        return []
    return [due_item(f"account:{account.id}:{entry['_id']}", "users.note_tokens", at=entry["at"], user=account.id)]
