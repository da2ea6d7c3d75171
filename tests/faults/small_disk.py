"""A disk of so many megabytes, which can be filled; only root can make one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BALLAST = "ballast"
PIECE = bytes(64 * 1024)


class NoDisk(RuntimeError):
    """This machine does not let us make one; the text says why."""


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[None]:
    """The disk is at `folder` while the block runs; raises `NoDisk`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder)]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise NoDisk(f"mount cannot be run: {error}") from None
    if made.returncode:
        raise NoDisk(f"a disk of its own needs root: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)  # noqa: S603, S607


def fill(folder: Path) -> None:
    """Takes all the room that is left."""
    with suppress(OSError), (folder / BALLAST).open("ab", buffering=0) as file:
        while file.write(PIECE):
            os.fsync(file.fileno())


def free(folder: Path) -> None:
    """Gives it back."""
    (folder / BALLAST).unlink()
