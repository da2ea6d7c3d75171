"""A copy of the whole database as files: one moment of it, a file for each collection, and a manifest that proves them.

The documents are written byte for byte as the database keeps them, in the order of their ids. So the same read of a database
that was restored gives the same hashes.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from mongoengine.connection import get_db
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from app import clock, db, migrations
from app.models.rate_limit_window import RateLimitWindow
from app.models.worker_heartbeat import WorkerHeartbeat

FORMAT = 1
MANIFEST = "manifest.json"
BATCH = 1_000
# What means nothing a minute later, and on another machine.
PASSING = frozenset({RateLimitWindow._get_collection_name(), WorkerHeartbeat._get_collection_name()})
# What the database's structure says of itself; whoever restores makes that anew.
NOT_KEPT = {migrations.COLLECTION: {"_id": {"$nin": [db.STRUCTURE, migrations.LOCK, migrations.RESTORING]}}}
SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE = 239, 246
NO_SNAPSHOTS = frozenset({20, 72, 123, 263, SNAPSHOT_UNAVAILABLE})

Progress = Callable[[int], None]


class DumpError(RuntimeError):
    """The copy cannot be made or used; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """One collection: how many documents, and the SHA-256 of all their bytes."""

    documents: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dump holds. It is written last: a folder without one was broken off."""

    database: str
    taken_at: str
    migrations: list[str]
    parts: dict[str, Part]


def names() -> list[str]:
    """The collections that are copied."""
    found = get_db().list_collection_names(filter={"type": "collection"})
    return sorted(name for name in found if name not in PASSING and not name.startswith("system."))


def count() -> int:
    """About how many documents there are to copy."""
    return sum(get_db()[name].estimated_document_count() for name in names())


def dump(folder: Path, *, progress: Progress) -> Manifest:
    """Copies the database into `folder`, which must be new or empty; raises `DumpError`, or `HalfRestored`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise DumpError(f"{folder} is not empty.")
    migrations.refuse_half_restored()
    done = migrations.names()
    if pending := migrations.pending():
        raise DumpError(f"Run `flask db init` first: {', '.join(pending)} has not run.")
    taken_at = clock.iso(clock.now())
    with _one_moment() as session:
        parts = {name: _write(folder, name, session, progress) for name in names()}
    manifest = Manifest(get_db().name, taken_at, done, parts)
    with _private(folder / MANIFEST) as file:
        file.write(json.dumps({"format": FORMAT, **asdict(manifest)}, indent=2).encode())
    return manifest


def part_of(name: str, *, progress: Progress) -> Part:
    """What `dump` would say of this collection now."""
    return _digest(_batches(name, None), progress)


@contextmanager
def _one_moment() -> Iterator[ClientSession]:
    """A session whose reads all see the database as it was at the first of them."""
    try:
        with get_db().client.start_session(snapshot=True) as session:
            yield session
    except OperationFailure as error:
        if error.code == SNAPSHOT_TOO_OLD:
            text = (
                "It took longer than the database keeps old snapshots. Let it keep them for longer, an hour for example: "
                "db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600})"
            )
            raise DumpError(text) from None
        if error.code in NO_SNAPSHOTS:
            raise DumpError(f"This MongoDB cannot be read as of one moment: {error}") from None
        raise


def _batches(name: str, session: ClientSession | None) -> Iterator[bytes]:
    condition = NOT_KEPT.get(name, {})
    found = get_db()[name].find_raw_batches(condition, session=session, batch_size=BATCH).sort("_id", 1)
    yield from db.each_slow(found)


def _write(folder: Path, name: str, session: ClientSession, progress: Progress) -> Part:
    with (
        _private(path(folder, name)) as file,
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed,
    ):
        return _digest(_batches(name, session), progress, packed.write)


def _digest(batches: Iterator[bytes], progress: Progress, keep: Callable[[bytes], Any] = len) -> Part:
    sha, documents = hashlib.sha256(), 0
    for batch in batches:
        keep(batch)
        sha.update(batch)
        new = sum(1 for _ in sizes(batch))
        documents += new
        progress(new)
    return Part(documents, sha.hexdigest())


def sizes(batch: bytes) -> Iterator[int]:
    """The length of each document of a batch; each says its own at its beginning."""
    at = 0
    while at < len(batch):
        size = int.from_bytes(batch[at : at + 4], "little")
        yield size
        at += size


def path(folder: Path, name: str) -> Path:
    """The file of a collection."""
    return folder / f"{name}.bson.gz"


@contextmanager
def _private(file: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner may read, and that is on the disk after the block: it holds hashes and addresses."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        yield opened
        opened.flush()
        os.fsync(opened.fileno())
