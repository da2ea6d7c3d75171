"""Programs that report usage over HTTP, each call under a key until it is acknowledged, and what then is in the ledger."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, pairwise

import httpx2
from bson import ObjectId

from app.services import account_commit
from tests.factories import bearer, make_admin
from tests.faults.tally import Tally
from tests.processes import wait_until

TOKENS = 7
CALL_SECONDS, PATIENCE, PAUSE = 20, 120, 0.1
OK, UNAVAILABLE = 200, 503


@dataclass(slots=True)
class Call:
    """One report of usage; `entry` is what its caller was told it became, and `seconds` the time of its slowest try."""

    account: ObjectId
    key: str
    entry: str = ""
    at: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Meter:
    """The callers, each a thread with an API key of its own, until `stop`; each spends from one account after the other."""

    url: str
    accounts: Sequence[ObjectId]
    calls: list[Call] = field(default_factory=list)
    unavailable: int = 0
    broken: int = 0
    # What was answered that no fault of the database explains.
    wrong: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: list[Future[None]] = field(default_factory=list)
    _pool: ThreadPoolExecutor | None = None

    def start(self, callers: int) -> None:
        """Puts so many to work; the database must be there now, for their keys."""
        keys = [bearer(make_admin(), "usage.write") for _ in range(callers)]
        self._pool = ThreadPoolExecutor(callers)
        self._running = [self._pool.submit(self._report, number, key) for number, key in enumerate(keys)]

    def stop(self) -> None:
        """Lets everybody finish their call; raises what somebody failed of."""
        self._stopping.set()
        if self._pool is not None:
            self._pool.shutdown()
        for one in self._running:
            one.result()

    @property
    def acknowledged(self) -> int:
        """How many calls were, by now."""
        return sum(bool(call.entry) for call in list(self.calls))

    def wait_for(self, more: int, seconds: float = 600) -> None:
        """Returns when so many more calls were acknowledged."""
        enough = self.acknowledged + more
        wait_until(lambda: self.acknowledged >= enough or any(one.done() for one in self._running), seconds)

    def longest_silence(self) -> float:
        """The longest time, in seconds, in which nothing was acknowledged to anybody."""
        times = sorted(call.at for call in self.calls if call.entry)
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    def slowest(self) -> float:
        """The longest time, in seconds, that a caller waited for an answer, whatever it was."""
        return max(call.seconds for call in self.calls)

    def _report(self, number: int, key: dict[str, str]) -> None:
        with httpx2.Client(base_url=self.url, timeout=CALL_SECONDS, trust_env=False, headers=key) as client:
            for n in count():
                if self._stopping.is_set():
                    return
                call = Call(self.accounts[(number + n) % len(self.accounts)], f"{number}-{n}")
                self.calls.append(call)
                self._until_acknowledged(client, call)

    def _until_acknowledged(self, client: httpx2.Client, call: Call) -> None:
        deadline, body = time.monotonic() + PATIENCE, {"user": str(call.account), "tokens": TOKENS}
        while time.monotonic() < deadline:
            began = time.monotonic()
            try:
                response = client.post("/api/usage", json=body, headers={"Idempotency-Key": call.key})
            except httpx2.TransportError:
                self.broken += 1
                response = None
            call.at = time.monotonic()
            call.seconds = max(call.seconds, call.at - began)
            if response is not None and response.status_code == OK:
                call.entry = response.json()["entry"]["id"]
                return
            if response is not None and response.status_code == UNAVAILABLE:
                self.unavailable += 1
            elif response is not None:
                self.wrong.append(f"{response.status_code} for call {call.key}: {response.text[:300]}")
            time.sleep(PAUSE)
        raise TimeoutError(f"call {call.key} was not acknowledged in {PATIENCE} s")


def tally(calls: Sequence[Call]) -> Tally:
    """Each acknowledged call has the entry that it was told, and no call has two."""
    found = Tally("usage", tried=len(calls), acknowledged=sum(bool(call.entry) for call in calls))
    usage = {"account": {"$in": list({call.account for call in calls})}, "type": "usage", "amount": -TOKENS}
    entries = {str(entry["_id"]): entry for entry in account_commit.entries().find(usage)}
    keys = Counter((entry["account"], entry.get("key")) for entry in entries.values())
    told = Counter(call.entry for call in calls if call.entry)
    expected = {(call.account, f"api:{call.key}") for call in calls}
    for call in calls:
        name = (call.account, f"api:{call.key}")
        entry = entries.get(call.entry, {})
        kept = (entry.get("account"), entry.get("key")) == name
        if call.entry and not (kept and told[call.entry] == 1):
            found.lost.append(f"call {call.key} of {call.account}, told of entry {call.entry}, which is {entry}")
        if keys[name] > 1:
            found.doubled.append(f"call {call.key} of {call.account} has {keys[name]} entries")
    found.doubled += [f"an entry under {key} of {account}" for account, key in keys.keys() - expected]
    return found
