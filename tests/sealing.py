"""Audit events to be sealed."""

from itertools import count

from bson import ObjectId

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.services import audit, audit_sealing

ADAM = Actor("user", "6b00db0dd0c5e187ff3a69b8", "Adam", address="192.0.2.1", request_id="r-1")
_numbers = count(1)


def enter(by: Actor = ADAM, **values: object) -> None:
    """One event that has a bit of everything."""
    event = {
        "action": Action.REQUEST_APPROVE,
        "object": {"kind": "request", "id": str(ObjectId()), "number": next(_numbers)},
        "before": {"status": "pending", "used": 5, "at": clock.now()},
        "after": {"status": "approved", "used": 0, "words": ["a", "b"], "cursor": ObjectId()},
        "reason": "They asked nicely.",
    }
    audit.record(key=str(ObjectId()), actor=by.trail(), at=clock.now(), **{**event, **values})


def sealed_trail(length: int) -> None:
    """So many events, sealed."""
    for _ in range(length):
        enter()
    audit_sealing.seal_waiting()
