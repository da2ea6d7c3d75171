"""How many answers this process writes at once: each keeps a thread, and pages need some too."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from app.models.domain_error import Busy

_lock = threading.Lock()
_taken = 0


@contextmanager
def taken() -> Iterator[None]:
    """One of the answers that this process writes at once; raises `Busy` where all are being written."""
    global _taken  # noqa: PLW0603 - one count for the process is the point.
    with _lock:
        if _taken >= current_app.config["CHAT_ANSWERS_AT_ONCE"]:
            raise Busy
        _taken += 1
    try:
        yield
    finally:
        with _lock:
            _taken -= 1
