"""Usage by day, counted from the ledger: each entry exactly once, wherever a process dies and however many count at once.

What is new since the last time is worked out as one batch: what to add to each day, and how far each account is counted
then. **One conditional update on the batch's number decides**: it writes the batch into the state. Adding it follows, and may
be done twice: a day takes only batches with a higher number than its last, and an account's mark moves only from where the batch
found it. Whoever finds a batch in the state adds it before anything else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId
from flask import current_app
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from app import clock, db
from app.models.account import EntryType
from app.models.statistics import DailyFigures, FoldState
from app.services import account_commit
from app.services.account_commit import DUPLICATE_KEY

# Accounts in a batch, and batches in one turn of the worker.
CHUNK = 500
BATCHES = 10
STATE = "daily_figures"
FIGURES = ("tokens", "calls")
BEFORE_ALL = ObjectId("0" * 24)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Day:
    """What was used on one day of the app's time zone."""

    date: date
    tokens: int
    calls: int


def days(count: int) -> list[Day]:
    """The last `count` days, today last; what was used a minute ago may still be missing."""
    state = _states().find_one({"_id": STATE}, {"shown": 1, "zone": 1}) or _new_state()
    today = clock.now().astimezone(ZoneInfo(state["zone"])).date()
    wanted = [today - timedelta(days=back) for back in reversed(range(count))]
    ids = [_day_id(state["shown"], day.isoformat()) for day in wanted]
    found = {figures["_id"]["day"]: figures for figures in DailyFigures._get_collection().find({"_id": {"$in": ids}})}
    nothing = dict.fromkeys(FIGURES, 0)
    return [Day(day, **{name: found.get(day.isoformat(), nothing)[name] for name in FIGURES}) for day in wanted]


# --- counting ---------------------------------------------------------------------------------------------------------


def fold() -> None:
    """Counts a bounded part of what is new in the ledger; first it goes on with a recount that was broken off."""
    with db.slow():
        for _ in range(BATCHES):
            if not _step(_settled_state()):
                return


def rebuild(progress: Callable[[int], object] = lambda more: None) -> None:
    """Counts the whole ledger anew, while others write; `progress` hears how many more accounts are done.

    The figures so far are kept up and shown until it is finished. If this process dies, the worker goes on.
    """
    with db.slow():
        generation, done = _begin(), 0
        while (state := _settled_state())["shown"] < generation:
            progress(max(0, state["walked_count"] - done))
            done = state["walked_count"]
            _step(state)
        progress(max(0, state["walked_count"] - done))


def _begin() -> int:
    """Starts a new generation of figures, in the time zone that the settings name now."""
    fresh = {"walked": BEFORE_ALL, "walked_count": 0, "zone": current_app.config["TIME_ZONE"]}
    while True:
        state = _settled_state()
        if _move_on(state, {"$set": {**fresh, "generation": state["generation"] + 1}}):
            return int(state["generation"] + 1)


def _step(state: Document) -> bool:
    """Counts one chunk of accounts, or loses to somebody who does; False where nothing is left to count."""
    accounts = _uncounted(state)
    if not accounts:
        return _finish(state) if "walked" in state else False
    batch = _work_out(state, accounts)
    change: Document = {"$set": {"pending": batch}}
    if "walked" in state:
        change["$set"]["walked"] = accounts[-1]["_id"]
        change["$inc"] = {"walked_count": len(accounts)}
    if _move_on(state, change):
        _add(state["batch"] + 1, batch)
    return True


def _uncounted(state: Document) -> list[Document]:
    """The next accounts to count: in a recount each in its turn, else those with new entries in the ledger."""
    where, order = (
        ({"_id": {"$gt": state["walked"]}}, "_id")
        if "walked" in state
        else ({"count_at": {"$exists": True}}, "count_at")
    )
    wanted = {"counted": 1, "drained_seq": 1}
    return list(account_commit.accounts().find(where, wanted).sort(order, 1).limit(CHUNK))


def _work_out(state: Document, accounts: Iterable[Document]) -> Document:
    """What the accounts' entries add to each day, and the marks that say so.

    New entries add to the figures that are shown; in a recount, all of them to those that are being made.
    """
    marks: list[Document] = []
    new, every = [], []
    for account in accounts:
        counted, upto = account.get("counted"), account["drained_seq"]
        of_account = {"account": account["_id"], "type": EntryType.USAGE}
        if upto > (counted or 0):
            marks.append({"account": account["_id"], "before": counted, "after": upto})
            new.append({**of_account, "seq": {"$gt": counted or 0, "$lte": upto}})
        every.append({**of_account, "seq": {"$lte": upto}})
    figures = _by_day(new, state["shown"], state["zone"]) if state["shown"] else []
    if "walked" in state:
        figures += _by_day(every, state["generation"], state["zone"])
    return {"figures": figures, "marks": marks}


def _by_day(ranges: list[Document], generation: int, zone: str) -> list[Document]:
    """What the entries in `ranges` add to each day of a generation."""
    if not ranges:
        return []
    day = {"$dateToString": {"date": "$at", "format": "%Y-%m-%d", "timezone": zone}}
    sums = {"tokens": {"$sum": {"$multiply": ["$amount", -1]}}, "calls": {"$sum": 1}}
    found = account_commit.entries().aggregate([{"$match": {"$or": ranges}}, {"$group": {"_id": day, **sums}}])
    return [{"_id": _day_id(generation, row["_id"]), "add": {name: row[name] for name in FIGURES}} for row in found]


def _finish(state: Document) -> bool:
    """Shows what the recount has counted; the figures before stay for whoever is reading them, those before them go."""
    if _move_on(state, {"$set": {"shown": state["generation"]}, "$unset": {"walked": ""}}):
        DailyFigures._get_collection().delete_many({"_id.generation": {"$lt": state["shown"]}})
    return True


# --- the state, and the batch in it -----------------------------------------------------------------------------------


def _states() -> Collection[Document]:
    # What no majority has may still go, and must not be added to any figure.
    return FoldState._get_collection().with_options(read_concern=ReadConcern("majority"))


def _new_state() -> Document:
    """Nothing is counted: the first generation begins as a recount, and finds what is there already."""
    fresh = {"batch": 0, "generation": 1, "shown": 0, "walked": BEFORE_ALL, "walked_count": 0}
    return {"_id": STATE, **fresh, "zone": current_app.config["TIME_ZONE"]}


def _settled_state() -> Document:
    """The state, made where there is none, without a batch that is not all added."""
    state = _states().find_one({"_id": STATE})
    if state is None:
        state = _new_state()
        try:
            _states().insert_one(state)
        except DuplicateKeyError:
            return _settled_state()
    if "pending" in state:
        _add(state["batch"], state.pop("pending"))
    return state


def _move_on(state: Document, change: Document) -> bool:
    """Makes `change` with the next batch number, unless somebody else has moved on from `state`."""
    change["$inc"] = {**change.get("$inc", {}), "batch": 1}
    return _states().update_one({"_id": STATE, "batch": state["batch"]}, change).matched_count == 1


def _add(number: int, batch: Document) -> None:
    """Adds what of the batch is not added yet, and takes it out of the state."""
    updates = [
        UpdateOne(
            {"_id": figures["_id"], "batch": {"$lt": number}},
            {"$inc": figures["add"], "$set": {"batch": number}},
            upsert=True,
        )
        for figures in batch["figures"]
    ]
    if updates:
        try:
            DailyFigures._get_collection().bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            # A day that is there, but does not match, has this batch already.
            known = all(failure["code"] == DUPLICATE_KEY for failure in error.details["writeErrors"])
            if not known or error.details["writeConcernErrors"]:
                raise
    account_commit.mark_counted(batch["marks"])
    _states().update_one({"_id": STATE, "batch": number}, {"$unset": {"pending": ""}})


def _day_id(generation: int, day: str) -> Document:
    return {"generation": generation, "day": day}
