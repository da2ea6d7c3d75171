"""Reading a ledger as it is now, wherever its entries are."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from bson import ObjectId

from app.models.account import EntryType
from app.models.domain_error import NotFound
from app.models.ledger_entry import numbered
from app.services import account_commit, account_moment
from app.services.account_moment import Choice, Entry, Moment

# What changes no balance and is left out of history unless it is asked for.
HOLDS = frozenset({EntryType.HOLD, EntryType.RELEASE})
EXPORT_BATCH = 1_000


def choice(types: Iterable[EntryType] | None = None, *, with_holds: bool = False) -> Choice:
    """The entries of these types; of all but holds and releases where none are given."""
    return Choice(frozenset(types) if types is not None else frozenset(EntryType) - (set() if with_holds else HOLDS))


def history(
    user_id: ObjectId,
    *,
    types: Iterable[EntryType] | None = None,
    with_holds: bool = False,
    before_seq: int | None = None,
    limit: int = 50,
) -> list[Entry]:
    """A user's entries, newest first, as `ledger_entry.LedgerEntry` describes them; `before_seq` continues a page.

    The balance that an account shows now is the `after` of its newest entry, so no page is stale. An account that no operation
    has made has the entries that it will begin with. Raises `NotFound` where there is no such user.
    """
    moment = account_moment.take(user_id)
    return moment.newest(choice(types, with_holds=with_holds), limit, below=before_seq)


def whole(user_id: ObjectId, chosen: Choice) -> Iterator[Entry]:
    """All of the chosen entries up to now, oldest first, read in batches while they are taken."""
    return _oldest_first(account_moment.take(user_id), chosen)


def _oldest_first(moment: Moment, chosen: Choice) -> Iterator[Entry]:
    """Each batch is a query of its own, so that no cursor waits in the database for a slow reader."""
    rest = chosen
    while True:
        batch = list(account_commit.entries().find(moment.copied_query(rest)).sort("seq", 1).limit(EXPORT_BATCH))
        yield from batch
        if len(batch) < EXPORT_BATCH:
            break
        rest = replace(chosen, after=batch[-1]["seq"])
    yield from reversed(moment.newest_waiting(chosen))


def by_key(user_id: ObjectId, key: str) -> dict[str, Any]:
    """The user's entry under an idempotency key, without number and balances; raises `NotFound` where there is none."""
    # The account is read first here too.
    document = account_commit.accounts().find_one({"_id": user_id}, {"entries": 1}) or {"entries": []}
    waiting = (entry for entry in document["entries"] if entry.get("key") == key)
    entry = next(waiting, None) or account_commit.entries().find_one({"account": user_id, "key": key})
    if entry is None:
        raise NotFound
    return entry


def numbers_of(user_id: ObjectId, keys: Iterable[str]) -> dict[str, int]:
    """Under which number the user's ledger has the entries of these idempotency keys; without those that there are not."""
    wanted = set(keys)
    # The account is read first here too.
    account = account_commit.accounts().find_one(
        {"_id": user_id}, {"entries": 1, "drained_seq": 1, "drained_balance": 1}
    )
    waiting = numbered(account) if account else ()
    numbers = {entry["key"]: int(entry["seq"]) for entry in waiting if entry.get("key") in wanted}
    copied = {"account": user_id, "key": {"$in": sorted(wanted - numbers.keys())}}
    return numbers | {
        entry["key"]: int(entry["seq"]) for entry in account_commit.entries().find(copied, {"key": 1, "seq": 1})
    }
