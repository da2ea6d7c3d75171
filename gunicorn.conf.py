"""How gunicorn serves the app: `gunicorn wsgi:app` in this folder reads it. WEB_CONCURRENCY sets the number of processes."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from app import logs
from config import load

# Once and before anything starts: a process that found the same mistake later would only be started again.
settings = load()
settings.check()

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# More than CHAT_ANSWERS_AT_ONCE: each answer that is being written keeps one, and pages need some too.
threads = 32
# An answer that is being written may be finished.
graceful_timeout = 10
# It would let every local user shut the server down.
control_socket_disable = True
# Where each process shows that it lives, and where they count together: not on a disk that could be slow, or full.
_MEMORY = "/dev/shm"  # noqa: S108 - only as the place for folders of random names
worker_tmp_dir = _MEMORY if os.access(_MEMORY, os.W_OK) else None
loglevel = "warning"

_PREFIX = "tokendesk-metrics-"
_own = f"{_PREFIX}{os.getpid()}-"
_given = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")).name
# A gunicorn that was started by another one, to take its place, counts for itself.
if not _given or (_given.startswith(_PREFIX) and not _given.startswith(_own)):
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=_own, dir=worker_tmp_dir)


def on_starting(server: Any) -> None:
    """gunicorn's own lines look like ours."""
    for handler in server.log.error_log.handlers:
        handler.setFormatter(logs.formatter(as_json=settings.ENVIRONMENT == "production"))


on_reload = on_starting


def on_exit(_server: Any) -> None:
    """Removes the folder that was made here."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    if folder.name.startswith(_own):
        shutil.rmtree(folder, ignore_errors=True)
