"""Folders on a disk in memory, where there is one: for databases that many tests write to."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# The disk, and the room that a mongod's data, journal and oplog may take there.
MEMORY, ROOM = Path("/dev/shm"), 3 * 2**30  # noqa: S108 - only as the place for a folder that `mkdtemp` makes
PREFIX = "tokendesk-tests-"


@contextmanager
def new_folder() -> Iterator[Path]:
    """An empty folder, which is removed after the block; who uses it keeps a file `lock` in it locked."""
    _remove_abandoned()
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=MEMORY if in_memory else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned() -> None:
    """Frees the memory that runs which were killed have left taken: each mongod keeps its lock as long as it lives."""
    for lock in MEMORY.glob(f"{PREFIX}*/lock"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)
