"""Work over HTTP goes on while a database of three is broken in some way, and what was acknowledged is counted afterwards."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from flask import Flask
from pymongo.errors import PyMongoError

import config
from app import create_app, db
from app.models.ledger_entry import LedgerEntry
from app.models.message import Message
from app.models.notification import Notification
from app.models.token_account import TokenAccount
from app.models.token_request import TokenRequest
from app.models.user import User
from app.services import assistants
from tests import memory_disk
from tests.faults import aftermath, chat_kept, metering, replica_set, requests_kept, small_disk
from tests.faults.deployment import Deployment, Kind, deployed
from tests.faults.kills import SETTINGS, environment, people_at_work, rich_account
from tests.faults.load import Load
from tests.faults.metering import Meter
from tests.faults.replica_set import Member, ReplicaSet
from tests.faults.tally import Tally
from tests.processes import wait_until

CALLERS, ACCOUNTS, PEOPLE = 8, 4, 2
# So many acknowledged calls say that it serves again: more than could be on their way when the fault came.
SERVES = 5 * CALLERS
PROGRAMS = (Kind.WEB, Kind.WORKER)
UNAVAILABLE = 503
# Enough for an index to take a while, with keys of which none is one of ours.
OLD_ENTRIES, BATCH = 200_000, 10_000
BUSY = (LedgerEntry, TokenAccount, TokenRequest, Message, Notification, User)
# A mongod takes 300 of them when it starts.
DISK_MEGABYTES = 400


@dataclass(slots=True)
class Stage:
    """What a fault may touch, and those who notice."""

    replica_set: ReplicaSet
    meter: Meter
    deployment: Deployment | None = None


Fault = Callable[[Stage], None]


@dataclass(slots=True)
class Report:
    """What one kind of fault has done, so many times, and what was found afterwards."""

    name: str
    times: int
    seconds: float
    unavailable: int
    broken: int
    silence: float
    slowest: float
    tallies: list[Tally]
    problems: list[str] = field(default_factory=list)

    @property
    def found(self) -> list[str]:
        """Everything that is wrong, a sentence each."""
        lost = [f"lost: {one}" for tally in self.tallies for one in tally.lost]
        doubled = [f"doubled: {one}" for tally in self.tallies for one in tally.doubled]
        return [f"{self.name}: {one}" for one in [*lost, *doubled, *self.problems]]

    def line(self) -> str:
        """A row under `HEAD`."""
        usage, *others = self.tallies
        lost, doubled = (sum(len(getattr(one, what)) for one in self.tallies) for what in ("lost", "doubled"))
        beside = sum(one.acknowledged for one in others)
        figures = f"{self.times:>6}{usage.acknowledged:>9}{beside:>8}{lost:>6}{doubled:>9}"
        return f"{self.name:<34}{figures}{self.unavailable:>6}{self.broken:>8}{self.silence:>9.1f}{self.slowest:>9.1f}"


HEAD = (
    f"{'fault':<34}{'times':>6}{'usage':>9}{'beside':>8}{'lost':>6}{'doubled':>9}"
    f"{'503':>6}{'broken':>8}{'silent s':>9}{'slowest':>9}"
)


# --- the faults -------------------------------------------------------------------------------------------------------


def kill_primary(stage: Stage) -> None:
    """The others elect a new one; the old one comes back and follows."""
    victim = stage.replica_set.primary()
    victim.kill()
    stage.meter.wait_for(SERVES)
    victim.start()


def freeze_primary(stage: Stage) -> None:
    """It keeps its connections and believes itself the primary, when it wakes up, until it hears of the new one."""
    victim = stage.replica_set.primary()
    victim.freeze()
    stage.meter.wait_for(SERVES)
    victim.thaw()


def step_down(stage: Stage) -> None:
    """The primary hands its place on."""
    stage.replica_set.step_down()
    stage.meter.wait_for(SERVES)


def lose_database(stage: Stage) -> None:
    """All three die, everybody is told so for a while, and all three come back."""
    told = stage.meter.unavailable
    for member in stage.replica_set.members:
        member.kill()
    wait_until(lambda: stage.meter.unavailable >= told + CALLERS)
    page = httpx2.get(f"{stage.meter.url}/catalogue", timeout=20, trust_env=False)
    if page.status_code != UNAVAILABLE or "Refresh" not in page.headers:
        stage.meter.wrong.append(f"the page was {page.status_code}, {dict(page.headers)}")
    for member in stage.replica_set.members:
        member.start()
    stage.meter.wait_for(SERVES)


def restart_app(stage: Stage) -> None:
    """Pages and worker are told to end in the middle of their work, and come back."""
    assert stage.deployment is not None
    for kind in PROGRAMS:
        stage.deployment.restart(kind)
    stage.meter.wait_for(SERVES)


def build_indexes(stage: Stage) -> None:
    """A new version brings indexes on collections that everybody writes to."""
    collection = LedgerEntry._get_collection()
    fill = OLD_ENTRIES - collection.estimated_document_count()
    for start in range(0, fill, BATCH):
        with db.slow():
            old = [{"account": f"old-{start}", "seq": n, "key": f"old-{n}"} for n in range(BATCH)]
            collection.insert_many(old, bypass_document_validation=True)
    new = [("by.id", 1), ("at", -1)]
    with db.slow():
        names = [(document, document._get_collection().create_index(new)) for document in BUSY]
        for document, name in names:
            document._get_collection().drop_index(name)
    db.prepare()
    stage.meter.wrong += db.check()


def fill_disk(stage: Stage) -> None:
    """The first member, whose disk is small, has no room for what it must write, and dies of it, until there is some."""
    victim = stage.replica_set.members[0]
    stage.replica_set.elect(victim)
    small_disk.fill(victim.folder)
    wait_until(lambda: not _survives_writing(victim), 120)
    stage.meter.wait_for(SERVES)
    small_disk.free(victim.folder)
    victim.start()


def _survives_writing(member: Member) -> bool:
    with suppress(PyMongoError):
        member.ask("fsync")
    return member.answers


FAULTS: dict[str, Fault] = {
    "the primary is killed": kill_primary,
    "the primary freezes": freeze_primary,
    "the primary steps down": step_down,
    "the whole database dies": lose_database,
    "pages and worker are restarted": restart_app,
    "indexes are built": build_indexes,
    "the primary's disk is full": fill_disk,
}


# --- the runs ---------------------------------------------------------------------------------------------------------


@contextmanager
def database_for(name: str) -> Iterator[ReplicaSet]:
    """A new database of three that this fault can break; raises `small_disk.NoDisk` where this machine does not let us."""
    with ExitStack() as stack:
        folder = stack.enter_context(memory_disk.new_folder())
        if FAULTS[name] is fill_disk:
            stack.enter_context(small_disk.mounted(folder / "0", DISK_MEGABYTES))
        yield stack.enter_context(replica_set.running(folder))


def play(stage: Stage, fault: Fault, *, times: int, calls: int) -> None:
    """Lets the fault come so many times while so many calls are acknowledged, before it, between and after."""
    for _ in range(times):
        stage.meter.wait_for(calls // (times + 1))
        fault(stage)
        stage.replica_set.wait_until_whole()
    stage.meter.wait_for(calls - stage.meter.acknowledged)


def run(name: str, members: ReplicaSet, *, times: int, calls: int, seed: int = 1) -> Report:
    """One kind of fault under the load of a whole deployment, on a database that is new."""
    started = time.monotonic()
    app = prepared(members.uri("tokendesk"))
    with app.app_context(), tempfile.TemporaryDirectory(prefix="tokendesk-faults-") as folder:
        with ExitStack() as stack:
            running = stack.enter_context(
                deployed(Path(folder), app.config["MONGODB_URI"], environment(app), [], PROGRAMS)
            )
            # Their keys belong to admins, who hear of each request: so they come first.
            meter = stack.enter_context(metered(running.url))
            people = stack.enter_context(people_at_work(running.url, app, seed, PEOPLE))
            play(Stage(members, meter, running), FAULTS[name], times=times, calls=calls)
        problems = [
            *(f"{status} for {what}" for status, what in people.heard.failures if status != UNAVAILABLE),
            *running.complaints(),
        ]
        report = reported(app, meter, people)
    report.name, report.times, report.seconds = name, times, time.monotonic() - started
    report.problems = problems + report.problems
    return report


def prepared(uri: str) -> Flask:
    """The app on a new database."""
    app = create_app(config.Testing(MONGODB_URI=uri, **SETTINGS))
    with app.app_context():
        db.prepare()
        assistants.ensure_default()
    return app


@contextmanager
def metered(url: str) -> Iterator[Meter]:
    """Programs that report usage while the block runs."""
    meter = Meter(url, [rich_account() for _ in range(ACCOUNTS)])
    try:
        meter.start(CALLERS)
        yield meter
    finally:
        meter.stop()


def reported(app: Flask, meter: Meter, people: Load | None = None) -> Report:
    """What came of it, once nobody works any more."""
    problems = [*meter.wrong, *aftermath.check(app)]
    tallies = [metering.tally(meter.calls)]
    if people is not None:
        heard = people.heard
        tallies += [
            chat_kept.tally(heard.said),
            requests_kept.submitted(heard.asked),
            requests_kept.decided(heard.decided),
        ]
    silence, slowest = meter.longest_silence(), meter.slowest()
    return Report("", 0, 0.0, meter.unavailable, meter.broken, silence, slowest, tallies, problems)
