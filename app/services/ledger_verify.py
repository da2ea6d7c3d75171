"""Proves that ledgers and accounts agree, from one read of each, while others write."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bson import ObjectId

from app import db
from app.models import account_rules
from app.models.account import ALLOWANCE, EntryType
from app.models.ledger_entry import numbered
from app.models.token_account import TokenAccount, from_fields
from app.services import account_commit, account_reading

CHUNK = 200
Document = Mapping[str, Any]


def count() -> int:
    """About how many accounts there are."""
    return int(TokenAccount._get_collection().estimated_document_count())


def verify(account_ids: Iterable[ObjectId] | None = None) -> Iterator[tuple[ObjectId, str | None]]:
    """Each account's id and the first thing that is wrong with it, or None; all accounts where no ids are given."""
    chosen = {} if account_ids is None else {"_id": {"$in": list(account_ids)}}
    last: ObjectId | None = None
    while True:
        where = {**chosen, **({"_id": {"$gt": last}} if last and not chosen else {})}
        # An account may have any number of entries; however many accounts there are, each chunk has its own time.
        with db.slow():
            documents = list(account_commit.accounts().find(where).sort("_id", 1).limit(0 if chosen else CHUNK))
        yield from _verify_chunk(documents)
        if chosen or len(documents) < CHUNK:
            return
        last = documents[-1]["_id"]


def _verify_chunk(documents: list[dict[str, Any]]) -> Iterator[tuple[ObjectId, str | None]]:
    """The ledger is read after the accounts, so that it holds at least what they say was copied."""
    by_account: dict[ObjectId, list[Document]] = {document["_id"]: [] for document in documents}
    found = account_commit.entries().find({"account": {"$in": list(by_account)}}).sort([("account", 1), ("seq", 1)])
    for entry in db.each_slow(found):
        by_account[entry["account"]].append(entry)
    for document in documents:
        yield document["_id"], next(_problems(document, by_account[document["_id"]]), None)


def _problems(document: Document, ledger: list[Document]) -> Iterator[str]:
    """What is wrong with one account: with its entries first, in their order, then with its figures."""
    copied = [entry for entry in ledger if entry["seq"] <= document["drained_seq"]]
    yield from _chain_problems(copied, document)
    waiting = list(numbered(document))
    on_the_way = {entry["seq"]: entry["_id"] for entry in ledger if entry["seq"] > document["drained_seq"]}
    for entry in waiting:
        if on_the_way.get(entry["seq"], entry["_id"]) != entry["_id"]:
            yield f"entry {entry['seq']}: the ledger has another entry under this number"
    yield from _figure_problems(document, [*copied, *waiting])


def _chain_problems(copied: list[Document], document: Document) -> Iterator[str]:
    balance, at = 0, None
    for seq, entry in enumerate(copied, start=1):
        if entry["seq"] != seq:
            yield f"entry {seq}: missing; the next one is {entry['seq']}"
        if entry["before"] != balance:
            yield f"entry {seq}: before is {entry['before']}, the entry before it ends at {balance}"
        if entry["after"] != entry["before"] + entry["amount"]:
            yield f"entry {seq}: {entry['before']} and {entry['amount']} do not make {entry['after']}"
        if at is not None and entry["at"] < at:
            yield f"entry {seq}: dated before the entry before it"
        balance, at = entry["after"], entry["at"]
    if len(copied) != document["drained_seq"]:
        yield f"entry {len(copied) + 1}: missing; {document['drained_seq']} entries were copied"
    if balance != document["drained_balance"]:
        yield f"entry {len(copied)}: ends at {balance}, the account remembers {document['drained_balance']}"


def _figure_problems(document: Document, entries: list[Document]) -> Iterator[str]:
    parts: Counter[str] = Counter()
    for entry in entries:
        if sum(part["amount"] for part in entry["parts"]) != entry["amount"]:
            yield f"entry {entry['seq']}: its parts do not add up to {entry['amount']}"
        for part in entry["parts"]:
            parts[part["source"]] += part["amount"]
    keys = [entry["key"] for entry in entries if "key" in entry]
    if len(keys) != len(set(keys)):
        yield "two entries have the same key"
    if document["entry_count"] != len(entries):
        yield f"the account has had {document['entry_count']} entries, but {len(entries)} are there"
    account = from_fields(document)
    held_by = {ALLOWANCE: account.allowance_left, **{str(grant.id): grant.left for grant in account.grants}}
    for source in parts.keys() | held_by.keys():
        if parts[source] != held_by.get(source, 0):
            yield f"{source}: entries add up to {parts[source]}, the account has {held_by.get(source, 0)}"
    usage = [entry for entry in entries if entry["type"] == EntryType.USAGE]
    expected = account.copy()
    account_rules.recompute(expected, account_reading.policy())
    # It depends on settings, which may have changed since the account was written.
    expected.plain_left = account.plain_left
    expected.lifetime_calls, expected.lifetime_tokens = len(usage), -sum(entry["amount"] for entry in usage)
    expected.last_entry_at = entries[-1]["at"] if entries else None
    for name in account.__slots__:
        if getattr(account, name) != getattr(expected, name):
            yield f"{name} is {getattr(account, name)}, its entries and parts make {getattr(expected, name)}"
