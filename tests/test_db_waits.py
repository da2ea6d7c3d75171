"""How long a request may wait for the database: as long as an operation may take, but briefly once there is no primary."""

import time

import pymongo
import pytest
from mongoengine import connect, disconnect
from mongoengine.connection import get_connection, get_db
from pymongo.monitoring import CommandListener

import config
from app import create_app, db, migrations
from app.models.user import User
from app.services import token_accounts
from tests.factories import OPERATOR, make_user
from tests.fail_point import failing
from tests.faults import aftermath
from tests.metering import metering_key
from tests.processes import wait_until

WRITES = {"insert", "update", "findAndModify", "delete"}


class Limits(CommandListener):
    """The time that each command was given, in milliseconds, and by the name of each write who must have it."""

    def __init__(self):
        self.given, self.concerns = [], {}

    def started(self, event):
        self.given.append(event.command.get("maxTimeMS"))
        if event.command_name in WRITES:
            self.concerns.setdefault(event.command_name, []).append(event.command.get("writeConcern"))

    def succeeded(self, event):
        """Nothing to note."""

    def failed(self, event):
        """Nothing to note."""


@pytest.fixture
def reconnect(mongodb_uri):
    """Connects as a new process does, with other options or to another address where they are given."""

    def do(uri=mongodb_uri, **options):
        disconnect()
        connect(host=uri, **{**db.CLIENT_OPTIONS, **options})

    yield do
    do()


@pytest.fixture
def nowhere(tmp_path):
    """The address of a database that is not there."""
    return f"mongodb://{str(tmp_path / 'none.sock').replace('/', '%2F')}/nothing"


def test_an_operation_may_take_five_seconds_and_is_done_when_a_majority_has_it(mongodb_uri, reconnect):
    create_app(config.Testing(MONGODB_URI=mongodb_uri))
    made = get_connection()
    assert (db.OPERATION_SECONDS, made.options.timeout, made.write_concern.document) == (5, 5.0, {"w": "majority"})
    # What is said to the server by a client that was made the same way, at each kind of write.
    limits = Limits()
    reconnect(event_listeners=[limits])
    user = make_user()
    token_accounts.spend(user.id, 7, by=OPERATOR)
    token_accounts.spend(user.id, 7, by=OPERATOR)
    User.objects(id=user.id).delete()
    assert all(0 < milliseconds <= 5_000 for milliseconds in limits.given)
    assert limits.concerns.keys() == WRITES
    assert [one for heard in limits.concerns.values() for one in heard if one != {"w": "majority"}] == []


def test_a_request_waits_two_seconds_where_no_primary_was_found(client, reconnect, monkeypatch, nowhere):
    given, timeout = [], pymongo.timeout
    monkeypatch.setattr(pymongo, "timeout", lambda seconds: given.append(seconds) or timeout(seconds))
    reconnect(nowhere, timeoutMS=50)
    assert client.get("/readyz").status_code == 503
    # From when somebody was asked; until then the process has no reason to hurry.
    wait_until(lambda: client.get("/healthz").status_code == 200 and given)
    assert (db.AWAY_SECONDS, set(given)) == (2, {2})


def test_the_first_request_of_a_process_has_as_long_as_any_other(client, reconnect):
    limits = Limits()
    reconnect(event_listeners=[limits])
    assert client.get("/readyz").status_code == 200
    assert limits.given[0] > db.AWAY_SECONDS * 1_000


def test_once_no_primary_was_found_requests_wait_only_briefly(client, reconnect, monkeypatch, nowhere):
    monkeypatch.setattr(db, "AWAY_SECONDS", 0.05)
    reconnect(nowhere, timeoutMS=1_500)
    took = []
    for _request in range(2):
        started = time.monotonic()
        assert client.get("/readyz").status_code == 503
        took.append(time.monotonic() - started)
    assert took[0] > 1.4
    assert took[1] < 1.4


@pytest.fixture
def slow_reads():
    """The database takes longer for each read than anybody waits."""
    with failing("find", migrations.COLLECTION, {"blockConnection": True, "blockTimeMS": 3_000}):
        yield


def test_whoever_finds_all_connections_taken_waits_no_longer_than_for_an_answer(
    slow_reads, app, mongodb_uri, reconnect, threads
):
    reconnect(f"{mongodb_uri}&maxPoolSize=2", timeoutMS=500)

    def ask(_number):
        started = time.monotonic()
        return app.test_client().get("/readyz").status_code, time.monotonic() - started

    answers = threads(ask, 8)
    assert {status for status, _seconds in answers} == {503}
    # Well before the first read would have been answered.
    assert max(seconds for _status, seconds in answers) < 3


def test_what_is_charged_while_all_connections_are_taken_is_charged_once_when_it_is_sent_again(
    app, mongodb_uri, reconnect, threads, monkeypatch
):
    users, headers = [make_user() for _ in range(8)], metering_key()
    for user in users:
        token_accounts.spend(user.id, 1, by=OPERATOR)

    def charge(number):
        body = {"user": str(users[number % 8].id), "tokens": 7}
        sent = app.test_client().post("/api/usage", json=body, headers={**headers, "Idempotency-Key": f"call-{number}"})
        return sent.status_code

    # Whichever comes to be written while others still wait for a connection is slow, and its caller never hears of it.
    unheard = {"code": 64, "errmsg": "waiting for replication timed out"}
    slow = {"blockConnection": True, "blockTimeMS": 400, "writeConcernError": unheard}
    with monkeypatch.context() as brief, failing("findAndModify", "token_accounts", slow):
        brief.setattr(db, "OPERATION_SECONDS", 1)
        reconnect(f"{mongodb_uri}&maxPoolSize=2", timeoutMS=1_000)
        first = threads(charge, 16)
        reconnect()
    assert first == [503] * 16
    assert threads(charge, 16) == [200] * 16
    assert aftermath.check(app) == []
    charged = sorted(entry["key"] for entry in get_db().ledger_entries.find({"type": "usage", "amount": -7}))
    assert charged == sorted(f"api:call-{number}" for number in range(16))
