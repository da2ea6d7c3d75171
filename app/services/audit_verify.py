"""Proves that the sealed part of the audit trail is what it was when it was sealed, while others write."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from bson import ObjectId

from app import db
from app.models.audit_seal import BEGINNING, ERASABLE, digest, flat, sealed_hash, texts
from app.models.user import NOBODY, User
from app.services import audit_anchors, audit_sealing
from app.services.audit_anchors import Anchor

CHUNK = 500
# What no sealer has ever given an event for its number; one that waits has none.
NO_NUMBER = {
    "$or": [
        {"seq": {"$lt": 1}},
        {"$expr": {"$not": [{"$in": [{"$type": "$seq"}, ["int", "long", "missing", "null"]]}]}},
    ]
}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that is wrong: at which number of the chain, about which event where one is known, and what."""

    seq: int
    event: str | None
    what: str


@dataclass(slots=True)
class Report:
    """What was looked at, and the first thing that is wrong, if anything is."""

    sealed: int = 0
    waiting: int = 0
    anchors: int = 0
    # Events of which a text was erased for a person who deleted their account.
    erased: int = 0
    problem: Problem | None = None


@dataclass(slots=True)
class _Walk:
    """How far the verification has come."""

    anchors: Mapping[int, set[str]]
    report: Report = field(default_factory=Report)
    previous: str = BEGINNING
    deleted: set[str] = field(default_factory=set)


def count() -> int:
    """How many seals there are to go through."""
    last = audit_sealing.head()
    return last["_id"] if last else 0


def verify(*, outside: Iterable[Anchor] = (), step: Callable[[int], object] = lambda _: None) -> Report:
    """Goes through the chain from its beginning; `outside` are anchors kept elsewhere, `step` hears how many were checked."""
    anchors: dict[int, set[str]] = {}
    for anchor in chain(db.each_slow(audit_anchors.kept()), outside):
        anchors.setdefault(anchor.seq, set()).add(anchor.hash)
    last = count()
    walk = _Walk(anchors)
    # No index finds these, so the whole trail is read.
    with db.slow():
        odd = audit_sealing.events().find_one(NO_NUMBER, {"_id": 1})
    if odd:
        walk.report.problem = Problem(0, str(odd["_id"]), "inserted: its number is none of the chain's")
        return walk.report
    for seals in db.each_slow(_chunks(last)):
        with db.slow():
            walk.report.problem = next(_chunk_problems(walk, seals), None)
        if walk.report.problem:
            return walk.report
        step(len(seals))
    walk.report.anchors = len(anchors)
    walk.report.problem = next(_end_problems(walk, last), None)
    with db.slow():
        walk.report.waiting = audit_sealing.count_waiting()
    return walk.report


def _chunks(last: int) -> Iterator[list[dict[str, Any]]]:
    after = 0
    while seals := list(audit_sealing.seals().find({"_id": {"$gt": after, "$lte": last}}).sort("_id", 1).limit(CHUNK)):
        yield seals
        after = seals[-1]["_id"]


def _chunk_problems(walk: _Walk, seals: list[dict[str, Any]]) -> Iterator[Problem]:
    events = audit_sealing.events()
    sealed = {one["_id"]: one for one in events.find({"_id": {"$in": [seal["event"] for seal in seals]}})}
    numbers = {"seq": {"$gte": seals[0]["_id"], "$lte": seals[-1]["_id"]}}
    intruders = {one["seq"]: one["_id"] for one in events.find(numbers, {"seq": 1}) if one["_id"] not in sealed}
    for seal in seals:
        seq, expected = seal["_id"], walk.report.sealed + 1
        if seq != expected:
            yield Problem(expected, None, f"its seal is missing; the next one is {seq}")
        for what in _link_problems(walk, seal, sealed.get(seal["event"])):
            yield Problem(seq, str(seal["event"]), what)
        if seq in intruders:
            yield Problem(seq, str(intruders[seq]), "inserted: the seal of this number is another event's")
        walk.report.sealed, walk.previous = seq, seal["hash"]


def _link_problems(walk: _Walk, seal: Row, event: Row | None) -> Iterator[str]:
    if event is None:
        yield "removed: its seal is there, the event is not"
        return
    if seal["previous"] != walk.previous:
        yield "its seal does not follow the one before"
    if sealed_hash(seal, event) != seal["hash"]:
        yield "changed: the event is not what was sealed"
    if event.get("seq") not in (None, seal["_id"]):
        yield f"changed: the event says that its number is {event['seq']}"
    yield from _text_problems(walk, seal, event)
    if walk.anchors.get(seal["_id"], {seal["hash"]}) != {seal["hash"]}:
        yield "rewritten: an anchor says that it, or what is before it, was another"


def _text_problems(walk: _Walk, seal: Row, event: Row) -> Iterator[str]:
    """A text has the digest that was sealed, or it was erased together with its salt for somebody who is deleted."""
    present, salts, sealed = texts(event), flat(event.get("salts") or {}), flat(seal["digests"])
    for path in sorted(present.keys() - sealed.keys()):
        yield f"changed: {path} was added"
    gone = [path for path in sorted(sealed) if path not in salts]
    for path in sorted(sealed.keys() & salts.keys()):
        if digest(event, path) != sealed[path]:
            yield f"changed: {path} is not what was sealed"
    for path in gone:
        if path not in ERASABLE or present.get(path, NOBODY) != NOBODY:
            yield f"changed: {path} has lost its salt"
    if gone and not _are_deleted(walk, event.get("erased") or []):
        yield f"changed: {gone[0]} was taken out, but for nobody who deleted their account"
    walk.report.erased += bool(gone)


def _are_deleted(walk: _Walk, users: list[str]) -> bool:
    if unknown := [one for one in users if one not in walk.deleted and ObjectId.is_valid(one)]:
        found = User.objects(id__in=unknown, deleted_at__ne=None).scalar("id")
        walk.deleted |= {str(one) for one in found}
    return bool(users) and walk.deleted.issuperset(users)


def _end_problems(walk: _Walk, last: int) -> Iterator[Problem]:
    """What should come after the last seal: nothing that was anchored, and nothing that says it was sealed."""
    if cut := [seq for seq in walk.anchors if seq > last]:
        yield Problem(last + 1, None, f"cut off: an anchor says that the chain went on to {max(cut)}")
    numbered = audit_sealing.events().find({"seq": {"$gt": last}}, {"seq": 1}).sort("seq", 1)
    for event in db.each_slow(numbered):
        # It may have been sealed since.
        if audit_sealing.seals().find_one({"_id": event["seq"], "event": event["_id"]}) is None:
            yield Problem(event["seq"], str(event["_id"]), "its seal is missing")
