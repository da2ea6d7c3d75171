"""Writing token accounts: the general write, and copying to the ledger.

An operation is one conditional update of one account document that carries its ledger entries along. Entries are numbered and
copied to the ledger afterwards, and leave the account only when they are safely there. Whatever dies in between, the account
document still has what the ledger lacks; `docs/adr/0002-entries-in-the-account.md` says why.
"""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from app import clock
from app.models import account_rules
from app.models.account import Account, EntryType, Operation
from app.models.domain_error import Busy, DomainError, HoldClosed, KeyReused, Unavailable
from app.models.ledger_entry import LedgerEntry, numbered
from app.models.token_account import TokenAccount, from_fields, to_fields
from app.models.user import NOBODY
from app.services import account_reading

COPY_BATCH = 50
# Beyond so many waiting entries everybody who writes also copies.
LONGEST_BACKLOG = 1_000
QUIET = timedelta(seconds=30)
MOST_ATTEMPTS = 40
DUPLICATE_KEY = 11000
# What somebody decides about the account of another, beside what programs spend of it.
BY_HAND = (
    *(EntryType.RESET, EntryType.GRANT, EntryType.BONUS, EntryType.PURCHASE, EntryType.ADJUSTMENT),
    EntryType.REVOCATION,
)

Document = dict[str, Any]
# By class: the collection, and the same with its read concern, which takes longer to make than much of a spend.
_collections: dict[type, tuple[Collection[Document], Collection[Document]]] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation did; a repeat of its key gets the same, `available` as it was then and `replayed` True.

    `copies` and `performs` are for `token_accounts` alone: that entries are to be copied, or due items to be done.
    """

    entry_id: ObjectId
    type: str
    amount: int
    description: str
    at: datetime
    available: int
    hold_id: str | None = None
    expires_at: datetime | None = None
    uncovered: int = 0
    replayed: bool = False
    copies: bool = field(default=False, compare=False, repr=False)
    performs: bool = field(default=False, compare=False, repr=False)


Result = Outcome | DomainError


def accounts() -> Collection[Document]:
    """The accounts, as raw documents; reads see only what a majority has."""
    return _at_majority(TokenAccount)


def entries() -> Collection[Document]:
    """The ledger, as raw documents; reads see only what a majority has."""
    return _at_majority(LedgerEntry)


def _at_majority(document: type[TokenAccount] | type[LedgerEntry]) -> Collection[Document]:
    raw = document._get_collection()
    known = _collections.get(document)
    # After connecting anew it is another one.
    if known is None or known[0] is not raw:
        known = _collections[document] = raw, raw.with_options(read_concern=ReadConcern("majority"))
    return known[1]


# --- the general write ------------------------------------------------------------------------------------------------


def commit(account_id: ObjectId, operations: Sequence[Operation]) -> list[Result]:
    """Does `operations` in one write: read the account, look keys up, apply the rules, write if nobody else has.

    Each operation has its own result, refusals included. Raises `Busy` when others were always quicker. A database error
    means an unknown outcome and leaves the loop: only "matched nothing" is tried again.
    """
    for attempt in range(MOST_ATTEMPTS):
        document = accounts().find_one({"_id": account_id})
        results, write = _work_out(account_id, document, operations)
        if write is None or _write(document, write):
            return results
        time.sleep(random.uniform(0, min(0.05, 0.001 * 2**attempt)))  # noqa: S311 - jitter, no secret.
    raise Busy


@dataclass(slots=True)
class _Write:
    """What a commit adds to an account."""

    account: Account
    entries: list[Document]
    due: list[Document]


def _work_out(
    account_id: ObjectId, document: Document | None, operations: Sequence[Operation]
) -> tuple[list[Result], _Write | None]:
    """The result of each operation, and what to write; None where every one is a repeat or a refusal."""
    if document is None:
        account, added = account_reading.opened(account_id, operations[0].at)
        known: dict[Any, Document] = {entry["key"]: entry for entry in added if "key" in entry}
        count = len(added)
    else:
        account, added, count = from_fields(document), [], document["entry_count"]
        known = _look_up(account_id, document, operations)
    due: list[Document] = []
    results: list[Result] = []
    rules, changed = account_reading.policy(), False
    waiting = count - (document["drained_seq"] if document else 0)
    for operation in operations:
        if operation.id in known:
            done = known[operation.id]
            results.append(outcome(account_id, done, done.get("available", account.available)))
            continue
        if operation.key is not None and operation.key in known:
            result = _repeat(account_id, operation, known[operation.key])
            results.append(result)
            # The initial grant of an account that opens with it: written, so that no other way of opening comes first.
            changed = changed or (document is None and isinstance(result, Outcome))
            continue
        earlier = known.get(operation.arguments.get("undoes") or operation.arguments.get("hold"))
        informed = replace(operation, earlier=earlier) if earlier else operation
        try:
            account, new, follows = account_rules.apply(account, informed, rules)
        except DomainError as refusal:
            # While a first attempt may still be done, nobody can say that it was refused.
            results.append(Unavailable() if operation.tried else refusal)
            continue
        entry, changed = new[-1], True
        if operation.key is not None:
            known[operation.key] = entry
        added += new
        due += follows
        count, waiting = count + len(new), waiting + len(new)
        copies = calls_for_copying(count, len(new), waiting)
        results.append(outcome(account_id, entry, account.available, copies=copies, performs=bool(follows)))
    return results, _Write(account, added, due) if changed else None


def _look_up(account_id: ObjectId, document: Document, operations: Sequence[Operation]) -> dict[Any, Document]:
    """The account's entries that the operations name or have made, by key and by id: waiting ones, then the ledger's."""
    keys = {operation.key for operation in operations if operation.key is not None}
    keys |= {operation.arguments["undoes"] for operation in operations if "undoes" in operation.arguments}
    # A hold that ends before the last of the operations is gone by then, and its own entry must say that there was one.
    at = max(operation.at for operation in operations)
    at = max(at, document["last_entry_at"] or at)
    open_holds = {hold["id"] for hold in document["holds"] if hold["expires_at"] > at}
    ids = {operation.arguments["hold"] for operation in operations if "hold" in operation.arguments} - open_holds
    ids |= {operation.id for operation in operations if operation.tried}
    if not keys and not ids:
        return {}
    found = [entry for entry in document["entries"] if entry.get("key") in keys or entry["_id"] in ids]
    # The account was read first: an entry that has left it since is in the ledger by now.
    if keys:
        found += entries().find({"account": account_id, "key": {"$in": list(keys)}})
    if ids:
        found += entries().find({"_id": {"$in": list(ids)}, "account": account_id})
    return {entry["_id"]: entry for entry in found} | {entry["key"]: entry for entry in found if "key" in entry}


def _repeat(account_id: ObjectId, operation: Operation, entry: Mapping[str, Any]) -> Result:
    """The first answer again, or the conflict where something else came under the same key."""
    if entry["fingerprint"] != operation.fingerprint():
        return HoldClosed() if "hold" in operation.arguments else KeyReused()
    return outcome(account_id, entry, entry["available"], replayed=True)


def outcome(account_id: ObjectId, entry: Mapping[str, Any], available: int, **flags: bool) -> Outcome:
    """What the caller of an operation hears of its entry."""
    answer = entry.get("answer", {})
    return Outcome(
        entry_id=entry["_id"],
        type=entry["type"],
        amount=entry["amount"],
        description=entry["description"],
        at=entry["at"],
        available=available,
        hold_id=f"{account_id}{entry['_id']}" if entry["type"] == "hold" else None,
        expires_at=answer.get("expires_at"),
        uncovered=answer.get("uncovered", 0),
        **flags,
    )


def _write(document: Document | None, write: _Write) -> bool:
    """One write, on the version that was read; False where somebody else was quicker."""
    fields = {**to_fields(write.account), "version": ObjectId()}
    if document is None:
        marks = {
            "entry_count": len(write.entries),
            "drained_seq": 0,
            "drained_balance": 0,
            "drain_at": clock.now() + QUIET,
        }
        new = {"_id": write.account.id, **fields, **marks, "entries": write.entries, "due": write.due}
        try:
            accounts().insert_one(new)
        except DuplicateKeyError:
            return False
        return True
    fields["entry_count"] = document["entry_count"] + len(write.entries)
    push: Document = {"entries": {"$each": write.entries}}
    if write.due:
        push["due"] = {"$each": write.due}
    written = accounts().update_one(
        {"_id": document["_id"], "version": document["version"]},
        {"$set": fields, "$push": push, "$min": {"drain_at": clock.now() + QUIET}},
    )
    return written.matched_count == 1


# --- copying to the ledger --------------------------------------------------------------------------------------------


def calls_for_copying(count: int, new: int, waiting: int) -> bool:
    """Whether whoever brought an account `new` entries, `count` in all of which `waiting` wait, is to copy."""
    return count // COPY_BATCH > (count - new) // COPY_BATCH or waiting > LONGEST_BACKLOG


def copy(account_id: ObjectId) -> int:
    """Copies the oldest waiting entries to the ledger, then removes exactly those; returns how many more there were.

    An account of which nothing waits any more leaves the worker's list.
    """
    document = accounts().find_one(
        {"_id": account_id},
        {"entries": {"$slice": COPY_BATCH}, "drained_seq": 1, "drained_balance": 1, "entry_count": 1, "drain_at": 1},
    )
    if document is None:
        return 0
    as_read = {"_id": account_id, "drained_seq": document["drained_seq"]}
    nothing_came = {**as_read, "entry_count": document["entry_count"]}
    off_the_list = {"$unset": {"drain_at": ""}}
    if not document["entries"]:
        if "drain_at" in document:
            accounts().update_one(nothing_came, off_the_list)
        return 0
    copied = list(numbered(document))
    _insert(copied)
    removal = {
        "$pull": {"entries": {"_id": {"$in": [entry["_id"] for entry in copied]}}},
        "$set": {"drained_seq": copied[-1]["seq"], "drained_balance": copied[-1]["after"]},
        "$min": {"count_at": clock.now()},
    }
    rest = int(document["entry_count"] - copied[-1]["seq"])
    if rest or not accounts().update_one(nothing_came, {**removal, **off_the_list}).matched_count:
        accounts().update_one(as_read, removal)
    return rest


def _insert(copied: list[Document]) -> None:
    """Inserts numbered entries; those that an earlier copier already brought are left as they are."""
    try:
        entries().insert_many(copied, ordered=False)
    except BulkWriteError as error:
        # The same id is the same entry; another entry under the same number would be a broken ledger.
        known = (
            failure["code"] == DUPLICATE_KEY and list(failure["keyPattern"]) == ["_id"]
            for failure in error.details["writeErrors"]
        )
        # What no majority has acknowledged may still go, and must not leave the account.
        if not all(known) or error.details["writeConcernErrors"]:
            raise


def mark_counted(marks: Iterable[Mapping[str, Any]]) -> None:
    """Moves the marks of what `daily_figures` has counted, each from `before` to `after`; done twice is done once."""
    now = clock.now()

    def moved(mark: Mapping[str, Any]) -> list[Document]:
        more = {"$gt": ["$drained_seq", mark["after"]]}
        # Who has more to count already goes to the end of the queue.
        return [{"$set": {"counted": mark["after"], "count_at": {"$cond": [more, now, "$$REMOVE"]}}}]

    if updates := [UpdateOne({"_id": mark["account"], "counted": mark["before"]}, moved(mark)) for mark in marks]:
        accounts().bulk_write(updates, ordered=False)


def forget_person(account_id: ObjectId, actors: Sequence[str]) -> None:
    """Erases what entries say of the account's owner, whose ids and keys' ids are `actors`: names, and what others wrote.

    That is all about an entry that ever changes: figures, dates, and who did it by id stay.
    """
    drain(account_id)
    _forget_names({"account": account_id}, actors)
    # What programs say of a spend, and the reasons that people give; what refers to a request or an order says no more than that.
    written = {"$or": [{"reference": {"$exists": False}}, {"by.kind": "key"}], "by.kind": {"$ne": "system"}}
    said = {"$or": [{"description": {"$gt": ""}}, {"metadata": {"$exists": True}}]}
    theirs = {"$and": [{"account": account_id}, written, said]}
    entries().update_many(theirs, {"$set": {"description": ""}, "$unset": {"metadata": ""}})
    # The names that programs gave their calls.
    named = {"account": account_id, "key": {"$gte": "api:", "$lt": "api;"}}
    entries().update_many(named, {"$unset": {"key": ""}})


def forget_names(account_ids: Sequence[ObjectId], actors: Sequence[str]) -> None:
    """Of what `actors` have done to these accounts of others, leaves their ids and no names."""
    for account_id in account_ids:
        drain(account_id)
    _forget_names({"account": {"$in": list(account_ids)}, "type": {"$in": [str(type_) for type_ in BY_HAND]}}, actors)


def _forget_names(of: Document, actors: Sequence[str]) -> None:
    theirs = {**of, "by.id": {"$in": list(actors)}, "by.name": {"$ne": NOBODY}}
    entries().update_many(theirs, {"$set": {"by.name": NOBODY}})


def drain(account_id: ObjectId) -> None:
    """Copies all that waits."""
    while copy(account_id):
        pass


def drain_waiting(limit: int = 1_000) -> int:
    """Drains the accounts that have been quiet for a while; returns how many. The worker's part of copying.

    One that cannot be copied keeps no other from it; its error is raised when all have had their turn.
    """
    waiting = list(accounts().find({"drain_at": {"$lte": clock.now()}}, {"_id": 1}).limit(limit))
    broken: BulkWriteError | None = None
    for document in waiting:
        try:
            drain(document["_id"])
        except BulkWriteError as error:
            broken = broken or error
    if broken:
        raise broken
    return len(waiting)
