"""Looking at processes and waiting for what they do."""

import time
from collections.abc import Callable
from pathlib import Path


def is_alive(process_id: int) -> bool:
    """Whether the process runs; one that has ended but was not collected by its parent does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def descendants(process_id: int) -> set[int]:
    """The ids of all that the process started, and that they started."""
    found = set()
    for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split():
        found |= {int(child)} | descendants(int(child))
    return found


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Returns when `condition()` is true; fails when it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.05)
