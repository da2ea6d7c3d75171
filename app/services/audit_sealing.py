"""Seals the audit trail: gives each event its place in the chain. Any number may do it at once, and be killed anywhere.

The insert of a seal decides: of two sealers who want the same number, or the same event, one gets it, and the other looks again.
What goes before (salts) and after (the number on the event) is done by whoever comes next, if it was left undone. Everything
that a seal rests on is read at majority: what a failover could take back is not sealed, and nothing is chained to it.
"""

from typing import Any

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from app import clock
from app.models.audit_event import AuditEvent
from app.models.audit_seal import BEGINNING, AuditSeal, new_salts, new_seal

BATCH = 500
DUPLICATE = 11000

Row = dict[str, Any]


def events() -> Collection[Row]:
    """The trail, read at majority."""
    return _firm(AuditEvent._get_collection())


def seals() -> Collection[Row]:
    """The chain, read at majority."""
    return _firm(AuditSeal._get_collection())


def head() -> Row | None:
    """The last seal; None where there is none."""
    return seals().find_one(sort=[("_id", -1)])


def seal_waiting(batches: int = 4) -> int:
    """Seals what is not sealed yet, in at most so many batches; returns how many events it sealed itself."""
    sealed = 0
    for _ in range(batches):
        waiting = _waiting()
        if not waiting:
            break
        sealed += _seal(waiting)
    return sealed


def is_waiting() -> bool:
    """Whether any event is not sealed yet."""
    return events().find_one({"seq": None}, {"_id": 1}) is not None


def count_waiting() -> int:
    """How many events are not sealed yet."""
    return events().count_documents({"seq": None})


def _waiting() -> list[Row]:
    """The next events to be sealed, each with its salts; what a killed sealer left undone about others is done first."""
    found = list(events().find({"seq": None}).sort("_id", 1).limit(BATCH))
    linked = {one["event"]: one for one in seals().find({"event": {"$in": [event["_id"] for event in found]}})}
    _mark(list(linked.values()))
    unsalted = [event for event in found if event.get("salts") is None and event["_id"] not in linked]
    if unsalted:
        salting = [
            UpdateOne({"_id": one["_id"], "salts": None}, {"$set": {"salts": new_salts(one)}}) for one in unsalted
        ]
        events().bulk_write(salting, ordered=False)
        # Somebody else may have been quicker, or have erased a text meanwhile: what is sealed is what stands there now.
        found = list(events().find({"_id": {"$in": [event["_id"] for event in found]}}).sort("_id", 1))
    return [event for event in found if event["_id"] not in linked]


def _seal(waiting: list[Row]) -> int:
    links, at = [], clock.now()
    last = head() or {"_id": 0, "hash": BEGINNING}
    for event in waiting:
        last = new_seal(event, seq=last["_id"] + 1, previous=last["hash"], at=at)
        links.append(last)
    try:
        # In order: where one is refused, none of those after it, which name it, is written.
        seals().insert_many(links, ordered=True)
        done = len(links)
    except BulkWriteError as error:
        if any(one["code"] != DUPLICATE for one in error.details["writeErrors"]) or error.details["writeConcernErrors"]:
            raise
        done = error.details["nInserted"]
    _mark(links[:done])
    return done


def _mark(links: list[Row]) -> None:
    if links:
        marking = [UpdateOne({"_id": link["event"], "seq": None}, {"$set": {"seq": link["_id"]}}) for link in links]
        events().bulk_write(marking, ordered=False)


def _firm(collection: Collection[Row]) -> Collection[Row]:
    return collection.with_options(read_concern=ReadConcern("majority"))
