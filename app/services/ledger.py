"""Reading a ledger: what is in it, and what still waits in the account or was brought by time since the last write."""

from collections.abc import Iterable
from typing import Any

from bson import ObjectId

from app import clock
from app.models import account_rules
from app.models.account import EntryType
from app.models.domain_error import NotFound
from app.models.ledger_entry import numbered
from app.models.token_account import from_fields
from app.services import account_commit

# What changes no balance and is left out of history unless it is asked for.
HOLDS = frozenset({EntryType.HOLD, EntryType.RELEASE})


def history(
    user_id: ObjectId,
    *,
    types: Iterable[EntryType] | None = None,
    with_holds: bool = False,
    before_seq: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """A user's entries, newest first, as `ledger_entry.LedgerEntry` describes them; `before_seq` continues a page.

    The balance that an account shows now is the `after` of its newest entry, so no page is stale.
    """
    # The account is read first: an entry that leaves it meanwhile is in the ledger before it goes.
    document = account_commit.accounts().find_one({"_id": user_id})
    if document is None:
        return []
    wanted = set(types) if types is not None else set(EntryType) - (set() if with_holds else HOLDS)
    below = before_seq if before_seq is not None else document["entry_count"] + 1_000
    account = from_fields(document)
    now = max(clock.now(), account.last_entry_at or clock.now())
    waiting = [*document["entries"], *account_rules.catch_up(account, now, account_commit.policy())]
    shown = [entry for entry in numbered(document, waiting) if entry["type"] in wanted and entry["seq"] < below]
    shown = shown[::-1][:limit]
    if len(shown) < limit:
        copied = account_commit.entries().find(
            {
                "account": user_id,
                "type": {"$in": sorted(wanted)},
                "seq": {"$lte": document["drained_seq"], "$lt": below},
            }
        )
        shown += copied.sort("seq", -1).limit(limit - len(shown))
    return shown


def by_key(user_id: ObjectId, key: str) -> dict[str, Any]:
    """The user's entry under an idempotency key, without number and balances; raises `NotFound` where there is none."""
    # The account is read first here too.
    document = account_commit.accounts().find_one({"_id": user_id}, {"entries": 1}) or {"entries": []}
    waiting = (entry for entry in document["entries"] if entry.get("key") == key)
    entry = next(waiting, None) or account_commit.entries().find_one({"account": user_id, "key": key})
    if entry is None:
        raise NotFound
    return entry
