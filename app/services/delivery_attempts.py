"""Sending deliveries, as workers do: again and again, with longer and longer pauses, until one has arrived or is given up.

A worker takes a delivery by one conditional update that also says until when it has it. So two never send the same one, and a
worker that dies between sending and noting that repeats just this one, by the same message id.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from app import clock, db, metrics
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.delivery import Delivery, Kind, State
from app.models.domain_error import ChangedByOther
from app.models.permission import Permission
from app.services import audit, deliveries, due, rights

log = logging.getLogger(__name__)

# How long after each attempt the next one follows; after the last it is given up.
DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 2 * 60, 8 * 60, 24 * 60))
# Longer than any attempt takes: whoever has not come back by then has died.
LEASE = timedelta(minutes=10)
# A receiver that does not answer is left alone for so long, by all that waits for it.
BREATHER = timedelta(minutes=1)
# How long what has arrived, or was given up, can be looked at.
KEPT = timedelta(days=30)
LONGEST_ERROR = 300


class Undelivered(Exception):
    """An attempt failed. `final`: another one would as well; `is_receivers`: so would all others of the same channel now."""

    def __init__(self, reason: str, *, final: bool = False, is_receivers: bool = False) -> None:
        super().__init__(reason)
        self.final, self.is_receivers = final, is_receivers


def send_waiting(kind: Kind, send: Callable[[Delivery], None], seconds: float = 5) -> int:
    """Sends what has reached its time with `send`, as many as can be begun in `seconds`; returns how many. The worker's part.

    `send` raises `Undelivered`. Any other failure is a defect, which must not hold up what comes after it.
    """
    tried, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline and (delivery := take(kind)):
        tried += 1
        if delivery.attempts > len(DELAYS) + 1:
            # No attempt so far has lived to say how it ended, and whoever makes another one may die of it.
            _note_failure(delivery, "Each attempt was broken off.")
            continue
        try:
            send(delivery)
        except Undelivered as failure:
            _note_failure(delivery, str(failure), final=failure.final)
            if failure.is_receivers:
                _leave_alone(delivery.channel)
        except Exception as error:
            if db.is_unanswered(error):
                raise
            log.exception("delivery %s met a defect", delivery.id)
            _note_failure(delivery, repr(error))
        else:
            _note_sent(delivery)
    return tried


def take(kind: Kind) -> Delivery | None:
    """The delivery that has waited longest, for as long as the lease lasts; None where nothing has to be sent now."""
    at = clock.now()
    taken = Delivery._get_collection().find_one_and_update(
        {"kind": kind.value, "next_at": {"$lte": at}},
        {"$set": {"state": State.SENDING.value, "next_at": at + LEASE}, "$inc": {"attempts": 1}},
        sort=[("next_at", 1)],
        return_document=ReturnDocument.AFTER,
    )
    return Delivery._from_son(taken) if taken else None


def _note_sent(delivery: Delivery) -> None:
    at = clock.now()
    sent = {"state": State.SENT.value, "sent_at": at, "expires_at": at + KEPT, "values": {}, "last_error": ""}
    metrics.delivery(str(delivery.kind), "sent")
    _note(delivery, {"$set": sent, "$unset": {"next_at": ""}})


def _note_failure(delivery: Delivery, reason: str, *, final: bool = False) -> None:
    at, error = clock.now(), " ".join(reason.split())[:LONGEST_ERROR]
    # Why is on its page: what a server says may name an address, which has no place in a log.
    log.warning("attempt %s of delivery %s (%s) failed", delivery.attempts, delivery.id, delivery.what)
    is_last = final or delivery.attempts > len(DELAYS)
    metrics.delivery(str(delivery.kind), "dead" if is_last else "failed")
    if is_last:
        given_up = {"state": State.DEAD.value, "last_error": error, "expires_at": at + KEPT}
        _note(delivery, {"$set": given_up, "$unset": {"next_at": ""}})
    else:
        next_at = at + DELAYS[delivery.attempts - 1]
        _note(delivery, {"$set": {"state": State.WAITING.value, "last_error": error, "next_at": next_at}})


def _note(delivery: Delivery, update: dict[str, Any]) -> None:
    """Writes how an attempt ended, unless the lease ran out and somebody else has it."""
    mine = {"_id": delivery.id, "state": State.SENDING.value, "next_at": delivery.next_at}
    Delivery._get_collection().update_one(mine, update)


def _leave_alone(channel: str) -> None:
    """Lets what waits for a receiver that is away wait a little longer: it would only take time from the others."""
    until = clock.now() + BREATHER
    Delivery._get_collection().update_many(
        {"channel": channel, "state": State.WAITING.value, "next_at": {"$lt": until}}, {"$set": {"next_at": until}}
    )


def retry(delivery: Delivery, *, by: Actor) -> Delivery:
    """Gives one that was given up, or that waits for its next attempt, another try at once; raises `ChangedByOther`."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    said = audit.item(
        f"delivery:{delivery.id}:{ObjectId()}",
        Action.DELIVERY_RETRY,
        by=by,
        changed=delivery.as_object(),
        before={"state": str(delivery.state), "attempts": delivery.attempts},
    )
    again = {"state": State.WAITING.value, "attempts": 0, "next_at": clock.now()}
    tried = Delivery._get_collection().update_one(
        {"_id": delivery.id, "state": {"$in": [State.DEAD.value, State.WAITING.value]}},
        {"$set": again, "$unset": {"expires_at": ""}, "$push": {"due": said}},
    )
    if not tried.matched_count:
        raise ChangedByOther
    due.perform(Delivery, delivery.id)
    return deliveries.get(delivery.id)


def retry_dead(*, by: Actor) -> int:
    """Gives all that were given up another try; returns how many."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    tried = 0
    for dead in Delivery.objects.in_states((State.DEAD,)).newest_first():
        with suppress(ChangedByOther):
            retry(dead, by=by)
            tried += 1
    return tried
