"""A MongoDB of three on this machine, as production has it: its members can be killed, frozen and started again."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from app import child_process, embedded_mongo
from tests.processes import wait_until

MEMBERS = 3
# A primary that is silent for so long is replaced; MongoDB's own default is 10 s.
ELECTION_MILLISECONDS = 2_000
ANSWER_MILLISECONDS = 1_000
WHOLE_SECONDS = 120


class Member:
    """One mongod, which acknowledges what is in its journal."""

    def __init__(self, number: int, folder: Path, lock: int) -> None:
        """Starts nothing yet; `lock` is inherited, so that the folder is taken as long as the mongod lives."""
        self.number, self.folder = number, folder
        self.host = str(embedded_mongo.socket_path(folder))
        self._lock = lock
        self._frozen = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def answers(self) -> bool:
        """Whether it runs and was not frozen."""
        return self._process is not None and self._process.poll() is None and not self._frozen

    def start(self) -> None:
        """Starts it, the first time or again."""
        for folder in (self.folder / "data", Path(self.host).parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(self.host).unlink(missing_ok=True)
        command = [embedded_mongo.binary(), "--dbpath", str(self.folder / "data"), "--bind_ip", self.host]
        command += ["--replSet", "rs0", "--port", "27017", "--filePermissions", "0600"]
        command += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", "--networkMessageCompressors", "disabled"]
        command += ["--logpath", str(self.folder / "mongod.log"), "--logappend"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        command += ["--setParameter", "ttlMonitorEnabled=false"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = child_process.start(command, **quiet, pass_fds=[self._lock])

    def kill(self) -> None:
        """Ends it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """It keeps its connections and answers nobody."""
        self._signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)
        self._frozen = False

    def ask(self, command: str, value: Any = 1, **more: Any) -> dict[str, Any]:
        """What this member itself answers."""
        host = f"mongodb://{quote(self.host, safe='')}/?directConnection=true"
        with MongoClient[dict[str, Any]](host, timeoutMS=ANSWER_MILLISECONDS) as client:
            return client.admin.command(command, value, **more)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


class ReplicaSet:
    """Its members, of which one is the primary most of the time."""

    def __init__(self, folder: Path, lock: int) -> None:
        """Starts nothing yet."""
        self.members = [Member(number, folder / str(number), lock) for number in range(MEMBERS)]

    def uri(self, database: str) -> str:
        """The address of a database, with all members."""
        hosts = ",".join(quote(member.host, safe="") for member in self.members)
        return f"mongodb://{hosts}/{database}?replicaSet=rs0"

    def initiate(self) -> None:
        """Makes one set of the new members, with the first of them as its primary."""
        first = self.members[0]
        for member in self.members:
            wait_until(lambda member=member: _asked(member, "ping"), WHOLE_SECONDS)
        members = [{"_id": member.number, "host": member.host} for member in self.members]
        settings = {"electionTimeoutMillis": ELECTION_MILLISECONDS, "heartbeatIntervalMillis": 500}
        first.ask("replSetInitiate", {"_id": "rs0", "members": members, "settings": settings})
        # Sooner than by waiting for the election that comes by itself.
        self.elect(first)
        self.wait_until_whole()

    def primary(self) -> Member:
        """The member that takes writes, once there is one; of two that say so, the one that was elected last."""
        wait_until(self._primaries, WHOLE_SECONDS)
        return self._primaries()[-1]

    def elect(self, member: Member) -> None:
        """Makes this member the primary."""
        wait_until(lambda: member in self._primaries() or _asked(member, "replSetStepUp").get("no"), WHOLE_SECONDS)

    def step_down(self) -> None:
        """The primary gives up its place, as it does when somebody updates its machine."""
        self.primary().ask("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)

    def wait_until_whole(self) -> None:
        """Returns when one is primary and the others follow it."""
        wait_until(self._is_whole, WHOLE_SECONDS)

    def _primaries(self) -> list[Member]:
        said = [(_asked(member, "hello"), member) for member in self.members if member.answers]
        primaries = [(hello["electionId"], member) for hello, member in said if hello.get("isWritablePrimary")]
        return [member for _election, member in sorted(primaries, key=lambda one: one[0])]

    def _is_whole(self) -> bool:
        if not all(member.answers for member in self.members) or len(primaries := self._primaries()) != 1:
            return False
        states = [one["stateStr"] for one in _asked(primaries[0], "replSetGetStatus").get("members", [])]
        return sorted(states) == ["PRIMARY", *["SECONDARY"] * (MEMBERS - 1)]


@contextmanager
def running(folder: Path) -> Iterator[ReplicaSet]:
    """A new set in an empty folder while the block runs."""
    with ExitStack() as stack:
        file = stack.enter_context((folder / "lock").open("w"))
        fcntl.flock(file, fcntl.LOCK_EX)
        replica_set = ReplicaSet(folder, file.fileno())
        for member in replica_set.members:
            stack.callback(member.kill)
            member.start()
        replica_set.initiate()
        yield replica_set


def _asked(member: Member, command: str) -> dict[str, Any]:
    """As `Member.ask`, but empty where the member does not answer or refuses."""
    try:
        return member.ask(command)
    except PyMongoError:
        return {}
