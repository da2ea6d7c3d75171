"""An account and all its entries as they are at one moment: what was copied, what waits, and what time has brought since."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from app import clock
from app.models import account_rules
from app.models.account import ALLOWANCE, Account, EntryType
from app.models.ledger_entry import numbered
from app.models.token_account import from_fields
from app.services import account_commit, account_reading

Entry = dict[str, Any]

BEGINNINGS = frozenset({EntryType.RENEWAL, EntryType.RESET})
BATCH = 50
# Beside usage, what changes an allowance. Time and people make these, so there are few.
ALLOWANCE_CHANGES = BEGINNINGS | {EntryType.BONUS, EntryType.ADJUSTMENT, EntryType.REVOCATION}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries: of `types`; with a part in one of `sources` (the allowance, grants by id); numbered above `after`.

    Where `rising` is not None, only those that raise the balance, or only the others.
    """

    types: frozenset[EntryType] | None = None
    sources: frozenset[str] | None = None
    after: int = 0
    rising: bool | None = None

    def takes(self, entry: Entry) -> bool:
        """Whether it is one of them."""
        typed = self.types is None or entry["type"] in self.types
        parted = self.sources is None or any(part["source"] in self.sources for part in entry["parts"])
        directed = self.rising is None or self.rising == (entry["amount"] > 0)
        return typed and parted and directed and entry["seq"] > self.after

    def query(self) -> dict[str, Any]:
        """The same, for the ledger, without the number."""
        query: dict[str, Any] = {}
        if self.types is not None:
            query["type"] = {"$in": sorted(self.types)}
        if self.rising is not None:
            query["amount"] = {"$gt" if self.rising else "$lte": 0}
        if self.sources is not None:
            query["parts.source"] = {"$in": sorted(self.sources)}
            if ALLOWANCE not in self.sources:
                # Says no more than the ids do, but names the index that only entries with parts of grants are in.
                query["parts.source"]["$lt"] = ALLOWANCE
        return query

    def share(self, entry: Entry) -> int:
        """The part of the amount that is asked for: what went to `sources` or came from them, else all of it."""
        if self.sources is None:
            return int(entry["amount"])
        return sum(part["amount"] for part in entry["parts"] if part["source"] in self.sources)


@dataclass(frozen=True, slots=True)
class Moment:
    """The account with what time has brought, `copied` entries in the ledger, and the rest `waiting`, oldest first.

    What `is_stored` is False of, an operation has yet to make: its entries have other ids at each look.
    """

    account: Account
    copied: int
    waiting: list[Entry]
    is_stored: bool

    @property
    def last_seq(self) -> int:
        """The number of the newest entry."""
        return self.copied + len(self.waiting)

    def newest(self, chosen: Choice, limit: int, *, below: int | None = None) -> list[Entry]:
        """The newest of the chosen entries, of those with numbers below `below` where it is given."""
        shown = self.newest_waiting(chosen, below)[:limit]
        if len(shown) < limit:
            copied = account_commit.entries().find(self.copied_query(chosen, below))
            shown += copied.sort("seq", -1).limit(limit - len(shown))
        return shown

    def newest_waiting(self, chosen: Choice, below: int | None = None) -> list[Entry]:
        """Those of the chosen entries that the ledger does not have yet, newest first."""
        top = self.last_seq + 1 if below is None else below
        return [entry for entry in reversed(self.waiting) if entry["seq"] < top and chosen.takes(entry)]

    def copied_query(self, chosen: Choice, below: int | None = None) -> dict[str, Any]:
        """What finds those of the chosen entries that the ledger has."""
        top = self.copied + 1 if below is None else min(self.copied + 1, below)
        return {"account": self.account.id, **chosen.query(), "seq": {"$gt": chosen.after, "$lt": top}}

    def by_ids(self, ids: set[ObjectId]) -> dict[ObjectId, Entry]:
        """The entries with these ids."""
        found = {entry["_id"]: entry for entry in self.waiting if entry["_id"] in ids}
        if missing := list(ids - found.keys()):
            mine = {"_id": {"$in": missing}, "account": self.account.id}
            found |= {entry["_id"]: entry for entry in account_commit.entries().find(mine)}
        return found

    # What follows looks at few entries however many there are: numbers are searched by halves.

    def before_period(self) -> int:
        """The number of the entry that began this period, or of the last one before it: those above it are the period's."""
        start = self.account.period_start
        begun = next(iter(self.newest(Choice(BEGINNINGS), 1)), None)
        known = begun["seq"] if begun else 0
        if begun and begun["at"] >= start:
            return int(known)
        # A renewal that gave nothing left no entry; dates rise with the numbers.
        numbers = range(known + 1, self.last_seq + 1)
        return int(
            known + bisect_left(numbers, start, key=lambda seq: self.newest(Choice(), 1, below=seq + 1)[0]["at"])
        )

    def allowance_changes(self, after: int) -> Iterator[Entry]:
        """The entries above `after` that changed the allowance, newest first, read while they are taken."""
        others, below = Choice(ALLOWANCE_CHANGES, frozenset({ALLOWANCE}), after), self.last_seq + 1
        while True:
            other = next(iter(self.newest(others, 1, below=below)), None)
            yield from self._allowance_usage(other["seq"] if other else after, below)
            if other is None:
                return
            yield other
            below = other["seq"]

    def _allowance_usage(self, after: int, below: int) -> Iterator[Entry]:
        """What usage took from the allowance between two other changes of it: first all there was, and then no more."""
        usage = Choice(frozenset({EntryType.USAGE}), frozenset({ALLOWANCE}), after)
        below = self._first_paid_by_grants(after, below)
        while batch := self.newest(usage, BATCH, below=below):
            yield from batch
            below = batch[-1]["seq"]

    def _first_paid_by_grants(self, after: int, below: int) -> int:
        """The number of the first usage that grants alone paid for; `below` where there is none."""
        usage = Choice(frozenset({EntryType.USAGE}), after=after)

        def is_paid_by_grants(seq: int) -> bool:
            newest = self.newest(usage, 1, below=seq + 1)
            sources = {part["source"] for entry in newest for part in entry["parts"]}
            return bool(sources) and ALLOWANCE not in sources

        if not is_paid_by_grants(below - 1):
            return below
        return after + 1 + bisect_left(range(after + 1, below), True, key=is_paid_by_grants)


def take(user_id: ObjectId) -> Moment:
    """The user's account now, with its entries, also where no operation has made it yet; raises `NotFound` for nobody."""
    # The account is read first: an entry that leaves it meanwhile is in the ledger before it goes.
    stored = account_commit.accounts().find_one({"_id": user_id})
    now, document = clock.now(), stored
    if document is None:
        account, entries = account_reading.opened(user_id, now)
        document = {"_id": user_id, "drained_seq": 0, "drained_balance": 0}
    else:
        account, entries = from_fields(document), document["entries"]
        now = max(now, account.last_entry_at or now)
        entries = [*entries, *account_rules.catch_up(account, now, account_reading.policy())]
    return Moment(account, document["drained_seq"], list(numbered(document, entries)), stored is not None)
