"""Dated changes of stored data: modules here named `m2026_11_20_what_it_does`, each with one function `run()`.

Each is recorded when it is done. One may be broken off and run again, or run twice at once after a lease ran out,
so `run()` must be right every time: an update whose filter no longer matches what it has changed.
"""

import importlib
import pkgutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from os import getpid

from mongoengine.connection import get_db
from pymongo.errors import DuplicateKeyError

from app import clock

COLLECTION = "migrations"
LOCK = "lock"
# It is there while a restore is under way, and stays where one was broken off.
RESTORING = "restoring"
LEASE = timedelta(seconds=30)
WAIT_SECONDS = 120
POLL_SECONDS = 0.2


class Locked(RuntimeError):
    """Somebody else has been preparing the database for longer than we wait."""


class HalfRestored(RuntimeError):
    """The database holds a part of a dump: whatever is done to it would be taken for the whole."""

    def __init__(self) -> None:
        super().__init__(
            "A restore has not come to its end: if it is not running any more, repeat `flask db restore` with the same dump."
        )


def names() -> list[str]:
    """All migrations of this code, oldest first."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def pending() -> list[str]:
    """Those that have not been recorded as done."""
    done = {document["_id"] for document in get_db()[COLLECTION].find({"_id": {"$in": names()}})}
    return [name for name in names() if name not in done]


def run_pending() -> Iterator[str]:
    """Runs what is pending, oldest first; yields the name of each that is done."""
    for name in pending():
        _renew()
        importlib.import_module(f"{__name__}.{name}").run()
        get_db()[COLLECTION].update_one({"_id": name}, {"$set": {"done_at": clock.now()}}, upsert=True)
        yield name


def refuse_half_restored() -> None:
    """Raises `HalfRestored` while a restore is under way, and after one that was broken off."""
    if get_db()[COLLECTION].find_one({"_id": RESTORING}):
        raise HalfRestored


@contextmanager
def alone() -> Iterator[None]:
    """Holds the lease on the database's structure; waits for whoever has it, and raises `Locked` when that takes too long.

    Raises `HalfRestored` where nobody may change the structure before a restore was repeated.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not _take():
        if time.monotonic() > deadline:
            raise Locked("Another process has been preparing the database for two minutes. Try again when it is done.")
        time.sleep(POLL_SECONDS)
    try:
        refuse_half_restored()
        yield
    finally:
        get_db()[COLLECTION].delete_one({"_id": LOCK, "holder": _holder()})


def _take() -> bool:
    free = {"_id": LOCK, "until": {"$lt": clock.now()}}
    lease = {"$set": {"until": clock.now() + LEASE, "holder": _holder()}}
    try:
        get_db()[COLLECTION].update_one(free, lease, upsert=True)
    except DuplicateKeyError:
        return False
    return True


def _renew() -> None:
    lease = {"$set": {"until": clock.now() + LEASE}}
    get_db()[COLLECTION].update_one({"_id": LOCK, "holder": _holder()}, lease)


def _holder() -> str:
    return f"{socket.gethostname()}:{getpid()}"
