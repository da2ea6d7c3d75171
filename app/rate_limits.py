"""Limits on how often somebody may ask.

Attempts and API calls are counted in the app's own database, so that all workers count together; pages and metering, of which
there are many, by each process for itself.
"""

from functools import cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from threading import Lock
from time import time
from typing import Any

import pymongo
from flask import current_app, request
from limits import RateLimitItem
from limits.storage import Storage
from limits.storage.mongodb import MongoDBStorageBase
from limits.strategies import FixedWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter
from mongoengine.connection import get_connection, get_db
from pymongo import WriteConcern

from app.models.domain_error import TooManyRequests
from app.models.rate_limit_window import RateLimitWindow

STORAGE_URI = "tokendesk-mongo://"
PROCESS_STORAGE_URI = "tokendesk-process://"
# How often what has ended is forgotten.
SWEEP_SECONDS = 60
# Counting must never be what a page waits for.
SECONDS = 1


class ProcessStorage(Storage):
    """Keeps the counters in this process. The package's own starts a thread at most hits, for which a busy process waits."""

    STORAGE_SCHEME = ["tokendesk-process"]

    def __init__(self, uri: str | None = None, **options: Any) -> None:
        """As the base class."""
        super().__init__(uri, **options)
        self._lock = Lock()
        # By key: when the window ends, and the hits in it.
        self._windows: dict[str, tuple[float, int]] = {}
        self._swept_at = time()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong: nothing, here."""
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counts a hit, and gives how many the window has now."""
        now = time()
        with self._lock:
            if not 0 <= now - self._swept_at < SWEEP_SECONDS:
                self._windows = {name: window for name, window in self._windows.items() if window[0] > now}
                self._swept_at = now
            ends_at, hits = self._window(key, now)
            self._windows[key] = ends_at or now + expiry, hits + amount
            return hits + amount

    def get(self, key: str) -> int:
        """How many hits the window has."""
        return self._window(key, time())[1]

    def get_expiry(self, key: str) -> float:
        """When the window ends."""
        return self._window(key, time())[0] or time()

    def _window(self, key: str, now: float) -> tuple[float, int]:
        ends_at, hits = self._windows.get(key, (0.0, 0))
        return (ends_at, hits) if ends_at > now else (0.0, 0)

    def check(self) -> bool:
        """It is always there."""
        return True

    def reset(self) -> int | None:
        """Forgets all hits."""
        self._windows = {}
        return None

    def clear(self, key: str) -> None:
        """Forgets the hits of one key."""
        self._windows.pop(key, None)


class MongoStorage(MongoDBStorageBase):
    """Keeps the counters beside everything else, through the client that the app has anyway."""

    STORAGE_SCHEME = ["tokendesk-mongo"]

    def __init__(self, uri: str, **options: Any) -> None:
        """As the base class, with the name of our collection."""
        super().__init__(uri, window_collection_name=RateLimitWindow._get_collection_name(), **options)

    def _init_mongo_client(self, uri: str | None, **options: Any) -> Any:
        return get_connection()

    @property
    def storage(self) -> Any:
        """The app's own client; the base class would make indexes here, which `flask db init` has made."""
        return get_connection()

    @property
    def _database(self) -> Any:
        # A lost hit is harmless: no need to wait until it is on disk.
        return get_db().with_options(write_concern=WriteConcern(w=1, j=False))

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """As the base class, but gives up after a second."""
        with pymongo.timeout(SECONDS):
            return super().acquire_sliding_window_entry(key, limit, expiry, amount)

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """As the base class, but gives up after a second."""
        with pymongo.timeout(SECONDS):
            return super().get_sliding_window(key, expiry)

    def check(self) -> bool:
        """As the base class, but gives up after a second."""
        with pymongo.timeout(SECONDS):
            return super().check()

    def __del__(self) -> None:
        """Leaves the shared client open, which the base class would close."""


@cache
def strategy() -> SlidingWindowCounterRateLimiter:
    """For services that count attempts themselves: `strategy().hit(RateLimitItemPerMinute(10, 5), "sign-in", address)`."""
    # The moving window wrongly refuses simultaneous first hits on MongoDB; this one does not.
    return SlidingWindowCounterRateLimiter(MongoStorage(STORAGE_URI))


@cache
def in_memory() -> FixedWindowRateLimiter:
    """For what comes too often to write each time: each process counts for itself."""
    return FixedWindowRateLimiter(ProcessStorage())


def count(counter: RateLimiter, limit: RateLimitItem, *who: str) -> None:
    """Counts one more of `who`; raises `TooManyRequests` with the seconds to wait where that is over the limit."""
    if not counter.hit(limit, *who):
        window = counter.get_window_stats(limit, *who)
        raise TooManyRequests(retry_after=max(1, ceil(window.reset_time - time())))


def caller() -> str:
    """Whom a limit counts at this request."""
    return network(request.remote_addr or "unknown")


def network(address: str) -> str:
    """What one caller holds: an IPv4 address, or the /64 network that one holder of IPv6 addresses has to himself."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return address


def general() -> str:
    """How often one caller may ask for anything at all."""
    return f"{current_app.config['REQUESTS_A_MINUTE']} per minute"


def is_exempt() -> bool:
    """Whether the request is a health check, which must always pass."""
    return request.blueprint == "ops"


def asked_for() -> str:
    """What the request is for; an address that leads nowhere is something as well, or anybody could ask for it without end."""
    return request.endpoint or "nothing"
