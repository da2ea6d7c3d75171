"""All migrations together: killed anywhere, or done by two at once, they leave what one undisturbed run leaves."""

import importlib
from datetime import UTC, datetime
from itertools import count

import pytest
import time_machine
from mongoengine.connection import get_db

from app import db, migrations
from app.services import token_accounts
from tests.chatting import make_talker, say
from tests.factories import OPERATOR, make_request
from tests.faults import aftermath
from tests.killing import Killer, forks, run_and_kill

pytestmark = forks

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
# What documents of before lack.
LACKING = {
    "users": ("search", "out_of_tokens", "tokens_noted", "out_until"),
    "token_requests": ("wakes_at",),
    "messages": ("words",),
    "conversations": ("words",),
    "assistants": ("version",),
}


def run_all():
    for name in migrations.names():
        importlib.import_module(f"app.migrations.{name}").run()


def stored():
    return {name: list(get_db()[name].find().sort("_id", 1)) for name in LACKING}


@pytest.fixture
def clock_hand():
    """A clock that stands still, until a test moves it on."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def older(clock_hand):
    """`older()` makes the database what it was before, as often as it is called."""
    for number in range(3):
        talker = make_talker()
        say(talker, f"zebra {number}")
        make_request(talker)
    token_accounts.spend(talker.id, token_accounts.view(talker.id).available, by=OPERATOR)
    for name, fields in LACKING.items():
        get_db()[name].update_many({}, {"$unset": dict.fromkeys(fields, "")})
    documents = stored()

    def restore():
        for name, old in documents.items():
            get_db()[name].delete_many({})
            get_db()[name].insert_many(old)
        get_db()[migrations.COLLECTION].delete_many({"_id": {"$in": [migrations.LOCK, *migrations.names()]}})

    yield restore
    db.prepare()


@pytest.fixture
def expected(older):
    """What an undisturbed run makes of it."""
    older()
    run_all()
    return stored()


def migrate():
    """As `flask db migrate`."""
    with migrations.alone():
        list(migrations.run_pending())


@pytest.mark.parametrize("step", [19, pytest.param(1, marks=pytest.mark.long)])
def test_killed_anywhere_they_are_finished_by_the_next_start(app, mongodb_uri, clock_hand, older, expected, step):
    assert [one["out_of_tokens"] for one in expected["users"]] == [False, False, True]
    for nth in count(2, step):
        older()
        killed = run_and_kill(mongodb_uri, Killer(nth), migrate)
        # Whoever died holding the lease is waited for.
        clock_hand.shift(migrations.LEASE + migrations.LEASE)
        assert len(db.prepare()) <= len(migrations.names())
        assert migrations.pending() == []
        assert stored() == expected, f"killed at event {nth}"
        if not killed:
            break
    assert nth > 30
    assert list(aftermath.refused_proofs(app)) == []


def test_done_by_two_at_once_they_leave_the_same(older, expected, threads):
    older()
    assert threads(lambda _: run_all(), 2) == [None, None]
    assert stored() == expected
