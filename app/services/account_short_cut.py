"""The short cut for spends that the allowance covers: one guarded update, without the rules and without reading entries.

Its guards say the same as the rules would. Keys are looked up first, and then nothing else may have been written meanwhile.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import AutoReconnect, WriteConcernError

from app.models import account_rules
from app.models.account import Operation
from app.models.token_account import TokenAccount
from app.services import account_commit
from app.services.account_commit import QUIET, Document, Result

TICK = timedelta(milliseconds=1)


def spend(account_id: ObjectId, operations: Sequence[Operation]) -> list[Result] | None:
    """Does spends in one update, where the allowance covers them, time brings nothing and all keys are new.

    None says nothing about why not: `account_commit.commit` decides.
    """
    at = max(operation.at for operation in operations)
    total = sum(operation.arguments["tokens"] for operation in operations)
    guard = {"_id": account_id, "due_at": {"$gt": at}, "last_entry_at": {"$lte": at}, "plain_left": {"$gte": total}}
    available = 0
    if keys := [operation.key for operation in operations if operation.key is not None]:
        before = _read_without(account_id, keys, total)
        if before is None:
            return None
        # Whoever uses one of the keys after it was looked up writes a new version.
        guard["version"] = before["version"]
        available = before["available"]
    new = []
    for operation in operations:
        available -= operation.arguments["tokens"]
        new.append(account_rules.plain_spend(operation, at, available))
    try:
        after = _update(guard, new, total)
    except AutoReconnect as error:
        if error.timeout:
            raise
        # Nobody knows whether the update was done, or still will be. A second attempt finds its entries; and it is dated
        # later, so that after it the guard of the first one holds no more.
        return account_commit.commit(account_id, [replace(one, at=at + TICK, tried=True) for one in operations])
    if after is None:
        return None
    # One copier a write is enough.
    copies = account_commit.calls_for_copying(
        after["entry_count"], len(new), after["entry_count"] - after["drained_seq"]
    )
    available = after["available"] + total
    results: list[Result] = []
    for entry in new:
        available += entry["amount"]
        results.append(account_commit.outcome(account_id, entry, available, copies=copies and entry is new[-1]))
    return results


def _read_without(account_id: ObjectId, keys: list[str], total: int) -> Document | None:
    """What the update needs to know of the account; None where it will not do, or one of the keys was used before."""
    wanted = {"version": 1, "available": 1, "plain_left": 1, "entries.key": 1}
    before = account_commit.accounts().find_one({"_id": account_id}, wanted)
    if before is None or before["plain_left"] < total or len(set(keys)) < len(keys):
        return None
    if any(entry.get("key") in keys for entry in before["entries"]):
        return None
    # The account was read first: an entry that has left it since is in the ledger by now.
    used = account_commit.entries().find_one({"account": account_id, "key": {"$in": keys}}, {"_id": 1})
    return before if used is None else None


def _update(guard: Document, new: list[Document], total: int) -> Document | None:
    """The account's figures after spending `total` in the entries `new`; None where the guard did not hold."""
    at, collection = new[-1]["at"], TokenAccount._get_collection()
    update = {
        "$inc": {
            **dict.fromkeys(("used", "lifetime_tokens"), total),
            **dict.fromkeys(("balance", "available", "allowance_left", "plain_left"), -total),
            **dict.fromkeys(("period_calls", "lifetime_calls", "entry_count"), len(new)),
        },
        # An entry is written in one update only, so that its id is as fresh as any.
        "$set": {"version": new[-1]["_id"], "last_spend_at": at, "last_entry_at": at},
        "$push": {"entries": {"$each": new}},
        "$min": {"drain_at": at + QUIET},
    }
    # The driver's own `find_one_and_update` can be retried, for which the server keeps a second copy of the whole account at
    # each call: an eighth of its time. Whoever calls this knows how to try again.
    reply: dict[str, Any] = collection.database.command(
        {
            "findAndModify": collection.name,
            "query": guard,
            "update": update,
            "fields": {"available": 1, "entry_count": 1, "drained_seq": 1},
            "new": True,
            "writeConcern": collection.write_concern.document,
        }
    )
    if failed := reply.get("writeConcernError"):
        raise WriteConcernError(failed["errmsg"], failed["code"], failed)
    after: Document | None = reply["value"]
    return after
