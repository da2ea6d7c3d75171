"""What waits for too long and what has failed: the figures by which operators see that something is stuck."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

from app import clock
from app.models.audit_event import AuditEvent
from app.models.delivery import Delivery, Kind, State
from app.models.token_account import TokenAccount
from app.models.token_request import Status, TokenRequest
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import audit_anchors, due

# The worker comes by every few seconds; what is later than this by much was left lying.
DUE_LATE = timedelta(minutes=1)
LEDGER_LATE = timedelta(minutes=2)
AUDIT_LATE = timedelta(minutes=2)
# Longer than the lease of a delivery that is being sent.
DELIVERY_LATE = timedelta(minutes=15)
# Counted up to here: more says nothing more.
MOST = 1_000

Query = tuple[Collection[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many there are of each, up to `MOST`.

    `anchor_lag` is in seconds; so is `worker_silence`, which is None where no worker was heard of for a day.
    """

    due_late: int
    due_failed: int
    deliveries_late: int
    deliveries_dead: int
    ledger_late: int
    audit_late: int
    requests_pending: int
    anchor_lag: float
    worker_silence: float | None


def take() -> Backlog:
    """The figures as they are now."""
    return Backlog(
        **{name: sum(map(_count, queries)) for name, queries in queries().items()},
        anchor_lag=audit_anchors.lag().total_seconds(),
        worker_silence=worker_silence(),
    )


def worker_silence() -> float | None:
    """Seconds since any worker was heard of."""
    newest = WorkerHeartbeat.newest()
    return None if newest is None else max(0.0, (clock.now() - newest.at).total_seconds())


def queries() -> dict[str, list[Query]]:
    """What is counted for each figure."""
    now = clock.now()
    late = {"$elemMatch": {"at": {"$lte": now - DUE_LATE}, "failed": None}}
    carriers = [carrier._get_collection() for carrier in due.CARRIERS]
    deliveries = Delivery._get_collection()
    kinds = {"$in": [str(kind) for kind in Kind]}
    return {
        # The condition on the array's field is what the index can serve.
        "due_late": [(one, {"$and": [{"due.at": {"$lte": now - DUE_LATE}}, {"due": late}]}) for one in carriers],
        "due_failed": [(one, {"due.at": {"$lte": clock.FAR}, "due.failed": {"$type": "string"}}) for one in carriers],
        "deliveries_late": [(deliveries, {"kind": kinds, "next_at": {"$lte": now - DELIVERY_LATE}})],
        "deliveries_dead": [(deliveries, {"state": State.DEAD.value})],
        "ledger_late": [(TokenAccount._get_collection(), {"drain_at": {"$lte": now - LEDGER_LATE}})],
        # An event's id says when it was written.
        "audit_late": [
            (AuditEvent._get_collection(), {"seq": None, "_id": {"$lte": ObjectId.from_datetime(now - AUDIT_LATE)}})
        ],
        "requests_pending": [(TokenRequest._get_collection(), {"status": Status.PENDING.value})],
    }


def _count(query: Query) -> int:
    collection, condition = query
    return collection.count_documents(condition, limit=MOST)
