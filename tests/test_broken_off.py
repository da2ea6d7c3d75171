"""Tests that somebody breaks off leave nothing running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import descendants, is_alive, wait_until

ROOT = Path(__file__).parents[1]
START_SECONDS = 90
# A shell that runs things in the background has Ctrl-C ignored by them.
PYTEST = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""
WAITS = """
import threading
from pathlib import Path

def test_that_waits():
    Path(__file__).with_name("begun").touch()
    threading.Event().wait()
"""


def mongods(process_id: int) -> dict[int, Path]:
    """Those that it started, or that they started, each with the folder of its data."""
    found = {}
    for one in descendants(process_id):
        words = Path(f"/proc/{one}/cmdline").read_text().split("\0")
        if Path(words[0]).name == "mongod":
            found[one] = Path(words[words.index("--dbpath") + 1])
    return found


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.long)], ids=["alone", "workers"])
def test_ctrl_c_leaves_no_mongod_and_none_of_its_data(tmp_path, workers):
    waits, begun, output = (tmp_path / name for name in ("test_waits.py", "begun", "output"))
    waits.write_text(WAITS)
    command = [sys.executable, "-c", PYTEST, "-c", "pyproject.toml", *workers, "-p", "tests.conftest", str(waits)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with output.open("wb") as file:
        # As a terminal does, which sends it to all that run there.
        run = subprocess.Popen(command, cwd=ROOT, env=own, stdout=file, stderr=file, start_new_session=True)  # noqa: S603
    try:
        wait_until(lambda: begun.exists() or run.poll() is not None, START_SECONDS)
        assert run.poll() is None, output.read_text()
        started = mongods(run.pid)
        os.killpg(run.pid, signal.SIGINT)
        wait_until(lambda: run.poll() is not None, START_SECONDS)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == pytest.ExitCode.INTERRUPTED, output.read_text()
    assert "KeyboardInterrupt" in output.read_text()
    ((process_id, data),) = started.items()
    wait_until(lambda: not is_alive(process_id))
    assert not data.exists()
