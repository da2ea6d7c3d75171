"""The API keys that this process knows of: what is worth a look-up where somebody tries one made-up key after another.

Nothing is opened by being known here. A key is looked up all the same, so one that was revoked meanwhile is refused.
"""

from functools import cache
from threading import Lock
from time import monotonic

import pymongo

from app import clock
from app.models.api_key import ApiKey
from app.services.digests import digest

# Many addresses may guess at once; all of them together make a process read the keys this often and no more.
KEPT_SECONDS = 30
# What a process keeps in memory, some ten megabytes. Where there are more keys, these are the ones that were used last.
MOST = 100_000


class _Known:
    """The digests, and when they were read."""

    def __init__(self) -> None:
        self.digests: set[str] = set()
        self.read_at: float | None = None
        self.lock = Lock()


@cache
def known() -> _Known:
    """What this process knows, which is nothing until somebody guesses."""
    return _Known()


def learn() -> None:
    """Reads which keys are live, unless that was done a moment ago."""
    here = known()
    with here.lock:
        if here.read_at is not None and monotonic() - here.read_at < KEPT_SECONDS:
            return
        live = {"revoked_at": None, "$or": [{"expires_at": None}, {"expires_at": {"$gt": clock.now()}}]}
        found = ApiKey._get_collection().find(live, {"_id": 0, "digest": 1})
        here.digests = {one["digest"] for one in found.sort("last_used_at", pymongo.DESCENDING).limit(MOST)}
        here.read_at = monotonic()


def may_open(secret: str) -> bool:
    """Whether this was the secret of a live key when the keys were read."""
    return digest(secret) in known().digests


def forget(secret: str) -> None:
    """Notes that this one opens nothing any more: whoever holds it could have it looked up without end."""
    known().digests.discard(digest(secret))
