"""`python -m tests.faults.kills`: kills processes of each kind under load, and counts what was lost or done twice."""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bson import ObjectId
from flask import Flask

import config
from app import create_app, db, embedded_mongo
from app.services import assistants, token_accounts
from tests.factories import OPERATOR, make_user
from tests.faults import aftermath, chat_kept, requests_kept, spending_kept
from tests.faults.deployment import Deployment, Kind, deployed
from tests.faults.load import Heard, Load, ask, chat, review
from tests.faults.tally import DONE, Answered, Tally
from tests.processes import wait_until

# Small allowances, so that people run out while they ask, and one that is never used up.
TIERS = {
    "free": config.Tier(limit=20_000, period_days=7),
    "plenty": config.Tier(limit=1_000_000_000, period_days=7),
}
SETTINGS: dict[str, Any] = {
    "TIERS": TIERS,
    "INITIAL_TOKENS": 0,
    "QUOTA_REQUESTS_A_DAY": 100,
    "REQUESTS_A_MINUTE": 1_000_000,
}
PEOPLE, REVIEWERS, SPENDERS = 6, 2, 4
# After a kill, a process of the next kind is at work again within this time, and lives on for one of these.
BACK_SECONDS = 120
MOMENTS = (0.1, 0.6)
UNAVAILABLE = 503


@dataclass(slots=True)
class Report:
    """What a run has done and found."""

    seed: int
    seconds: float
    kills: Counter[Kind]
    broken: int
    unavailable: int
    tallies: list[Tally]
    problems: list[str] = field(default_factory=list)

    @property
    def found(self) -> list[str]:
        """Everything that is wrong, a sentence each."""
        lost = [f"lost: {one}" for tally in self.tallies for one in tally.lost]
        doubled = [f"doubled: {one}" for tally in self.tallies for one in tally.doubled]
        return [*lost, *doubled, *self.problems]

    def lines(self) -> Iterator[str]:
        """The table."""
        yield f"{'killed':<22}{'times':>8}"
        yield from (f"{kind:<22}{self.kills[kind]:>8}" for kind in Kind)
        yield ""
        yield f"{'operation':<22}{'tried':>8}{'acknowledged':>14}{'refused':>9}{'lost':>6}{'doubled':>9}"
        for one in self.tallies:
            heard = f"{one.tried:>8}{one.acknowledged:>14}{one.refused:>9}"
            yield f"{one.name:<22}{heard}{len(one.lost):>6}{len(one.doubled):>9}"
        yield ""
        yield f"{self.kills.total()} kills in {self.seconds:.0f} s with seed {self.seed}"
        yield f"{self.broken} connections broke, {self.unavailable} pages said 503: try again"


def run(uri: str, folder: Path, *, kills: int, seed: int, progress: Callable[[int], object] = int) -> Report:
    """Kills so many processes under load, on the empty database at `uri`; `folder` is for what the processes print."""
    app = create_app(config.Testing(MONGODB_URI=uri, **SETTINGS))
    draw, started = random.Random(seed), time.monotonic()  # noqa: S311 - repeatable moments, no secret.
    with app.app_context():
        db.prepare()
        assistants.ensure_default()
        spenders = [rich_account() for _ in range(SPENDERS)]
        with (
            deployed(folder, uri, environment(app), spenders) as deployment,
            people_at_work(deployment.url, app, seed) as load,
        ):
            for number, kind in enumerate(draw.choices(list(Kind), k=kills), start=1):
                _kill_one(deployment, kind, draw)
                progress(number)
            # Where kills come fast, nobody may have heard of anything yet.
            wait_until(partial(_each_acknowledged, deployment, load.heard), BACK_SECONDS)
        spent = spending_kept.read(deployment.spending())
        spending_kept.repeat_keys(spent)
        heard = load.heard
        problems = [
            *(f"{status} for {what}" for status, what in heard.failures if status != UNAVAILABLE),
            *deployment.complaints(),
            *aftermath.check(app),
        ]
        tallies = [
            *spending_kept.tallies(spent),
            chat_kept.tally(heard.said),
            requests_kept.submitted(heard.asked),
            requests_kept.decided(heard.decided),
        ]
    unavailable = sum(status == UNAVAILABLE for status, _what in heard.failures)
    seconds = time.monotonic() - started
    return Report(seed, seconds, deployment.kills, len(heard.broken), unavailable, tallies, problems)


def rich_account() -> ObjectId:
    """An account of plenty; it is opened here because a program that only spends may know no such tier."""
    user_id: ObjectId = make_user(tier="plenty").id
    token_accounts.spend(user_id, 1, by=OPERATOR)
    return user_id


def environment(app: Flask) -> dict[str, str]:
    """The settings of this app, as a deployment has them, and none of the developer's own."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "TMPDIR", "LANG", "ENV_FILE", "FLASK_SKIP_DOTENV")
        if name in os.environ
    }
    tiers = json.dumps(app.config["TIERS"])
    own = {name: str(app.config[name]) for name in ("MONGODB_URI", "SECRET_KEY", *SETTINGS)}
    return {**kept, **own, "TIERS": tiers}


@contextmanager
def people_at_work(url: str, app: Flask, seed: int, many: int = PEOPLE) -> Iterator[Load]:
    """So many people who chat and ask, each with two browsers, and who decide, while the block runs."""
    people, reviewers = [make_user() for _ in range(many)], [make_user(roles=["reviewer"]) for _ in range(REVIEWERS)]
    load = Load(url, app, seed)
    try:
        for user in people:
            load.add(chat, user)
            load.add(ask, user)
        for user in reviewers:
            load.add(review, user)
        yield load
    finally:
        load.stop()


def _each_acknowledged(deployment: Deployment, heard: Heard) -> bool:
    """Whether an operation of each kind was."""
    keys = {
        key == "-" for one in spending_kept.read(deployment.spending()).values() for key, _entry, _amount in one.done
    }
    attempts: Iterable[Sequence[Answered]] = (heard.said, heard.asked, heard.decided)
    return len(keys) == 2 and all(any(one.status == DONE for one in each) for each in attempts)


def _kill_one(deployment: Deployment, kind: Kind, draw: random.Random) -> None:
    wait_until(partial(deployment.at_work, kind), BACK_SECONDS)
    # Real moments are the point here.
    time.sleep(draw.uniform(*MOMENTS))
    deployment.kill(kind, draw)


def main() -> int:
    """Prints the table; the exit code is 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many processes to kill (default: 200)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="for the moments and the victims")  # noqa: S311
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)

    def progress(number: int) -> None:
        print(f"\rkilled {number} of {arguments.kills}", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="tokendesk-kills-") as name, embedded_mongo.running(Path(name)):
        uri = embedded_mongo.uri(Path(name), "tokendesk")
        report = run(uri, Path(name), kills=arguments.kills, seed=arguments.seed, progress=progress)
    print(file=sys.stderr)
    print("\n".join(report.lines()))
    for one in report.found:
        print(one, file=sys.stderr)
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
