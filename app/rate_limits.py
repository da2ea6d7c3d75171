"""Limits on how often somebody may try, counted in the app's own database, so that all workers count together."""

from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import Any

import pymongo
from flask import current_app, request
from limits.storage.mongodb import MongoDBStorageBase
from limits.strategies import SlidingWindowCounterRateLimiter
from mongoengine.connection import get_connection, get_db
from pymongo import WriteConcern

from app.models.rate_limit_window import RateLimitWindow

STORAGE_URI = "tokendesk-mongo://"
# The moving window wrongly refuses simultaneous first hits on MongoDB; this one does not.
STRATEGY = "sliding-window-counter"
# Counting must never be what a page waits for.
SECONDS = 1


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
    return SlidingWindowCounterRateLimiter(MongoStorage(STORAGE_URI))


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
