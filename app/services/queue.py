"""What whoever waits for a decision is told: the place in the queue, and how long decisions usually take."""

from math import ceil
from statistics import median
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.cursor import Cursor

from app import clock
from app.models.token_request import Status, TokenRequest
from app.services.desk import BY_STATUS

# Requests ahead are counted up to here: beyond it the exact place says nothing more.
MOST_AHEAD = 1_000
# The usual time is that of so many decisions, and is not told from fewer than the least.
LAST_DECISIONS = 50
FEWEST_DECISIONS = 5
DECIDED = (Status.APPROVED, Status.REJECTED, Status.SPAM)
BY_DECISION = [("kind", ASCENDING), ("decision.at", DESCENDING), ("status", ASCENDING), ("submitted_at", ASCENDING)]


def place(token_request: TokenRequest) -> int:
    """The place of a pending request among those of its kind, in the order in which reviewers get them.

    The first has 1; where `MOST_AHEAD` or more are ahead, it is `MOST_AHEAD + 1`.
    """
    requests = TokenRequest._get_collection()
    return 1 + int(requests.count_documents(ahead_of(token_request), limit=MOST_AHEAD, hint=BY_STATUS))


def ahead_of(token_request: TokenRequest) -> dict[str, Any]:
    """The condition in the database for what is decided before it."""
    return {"status": Status.PENDING.value, "kind": token_request.kind, "number": {"$lt": token_request.number}}


def usual_seconds(kind: str) -> int | None:
    """The median time from submission to decision, over the last decisions of a kind; None where there are too few."""
    taken = [(one["decision"]["at"] - one["submitted_at"]).total_seconds() for one in last_decisions(kind)]
    return ceil(median(taken)) if len(taken) >= FEWEST_DECISIONS else None


def last_decisions(kind: str) -> Cursor[dict[str, Any]]:
    """When the last requests of a kind were submitted and decided, from the index alone."""
    decided = {
        "kind": kind,
        "decision.at": {"$lte": clock.now()},
        "status": {"$in": [status.value for status in DECIDED]},
    }
    times = {"decision.at": 1, "submitted_at": 1, "_id": 0}
    found = TokenRequest._get_collection().find(decided, times).sort("decision.at", DESCENDING)
    return found.hint(BY_DECISION).limit(LAST_DECISIONS)
