"""Programs that run under this one and end with it, however it ends."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

PR_SET_PDEATHSIG = 1


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Starts `command` out of reach of the terminal's Ctrl-C: whoever starts it decides when it ends."""
    return subprocess.Popen(command, start_new_session=True, preexec_fn=_end_with_parent(), **options)  # noqa: PLW1509, S603


def end(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Asks the process to end, and makes it after `seconds`; nothing happens where it has ended already."""
    process.terminate()
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_with_parent() -> Callable[[], Any] | None:
    """Asks Linux for a SIGTERM when the parent dies, so that not even kill -9 of it leaves a process behind."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
