"""The fixtures that all tests share: the app on a real MongoDB, an empty database for each test, a browser-like client."""

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from mongoengine import connect, disconnect

import config
from app import create_app, db, embedded_mongo, rate_limits
from app.extensions import limiter
from tests import stripe_server
from tests.leftovers import Leftovers
from tests.page_client import PageClient
from tests.statements import Statements
from tests.stripe_server import FakeStripe

# A disk in memory, where there is one, and the room that a mongod's data, journal and oplog may take there.
MEMORY, ROOM = Path("/dev/shm"), 3 * 2**30  # noqa: S108 - only as the place for a folder that `mkdtemp` makes

_at_the_end = ExitStack()


def _remove_abandoned() -> None:
    """Frees the memory that runs which were killed have left taken: each mongod keeps its lock as long as it lives."""
    for lock in MEMORY.glob("tokendesk-tests-*/lock"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)


def _start_mongo() -> Path:
    """A mongod that lives until this process has run its last test."""
    _remove_abandoned()
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix="tokendesk-tests-", dir=MEMORY if in_memory else None))
    _at_the_end.callback(shutil.rmtree, folder, ignore_errors=True)
    _at_the_end.enter_context(embedded_mongo.running(folder, for_tests=True))
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With xdist, the controller starts one mongod for all its workers."""
    if not hasattr(node.config, "mongo_folder"):
        node.config.mongo_folder = _start_mongo()
    node.workerinput["mongo_folder"] = str(node.config.mongo_folder)


def pytest_unconfigure() -> None:
    """Ends the mongod that this process started."""
    _at_the_end.close()


@pytest.fixture(scope="session")
def mongodb_uri(request: pytest.FixtureRequest) -> str:
    """The database of this worker: its own, on a mongod that the workers share."""
    workerinput = getattr(request.config, "workerinput", None)
    if workerinput is None:
        return embedded_mongo.uri(_start_mongo(), "tokendesk_test")
    return embedded_mongo.uri(Path(workerinput["mongo_folder"]), f"tokendesk_test_{workerinput['workerid']}")


@pytest.fixture(scope="session")
def app(mongodb_uri: str) -> Flask:
    """The app as it is served, with its database prepared."""
    app = create_app(config.Testing(MONGODB_URI=mongodb_uri))
    app.test_client_class = PageClient
    with app.app_context():
        db.prepare()
    return app


@pytest.fixture(scope="session")
def leftovers() -> Leftovers:
    """What earlier tests have left in the database."""
    return Leftovers()


@pytest.fixture(autouse=True)
def app_context(app: Flask, leftovers: Leftovers) -> Iterator[None]:
    """An empty database, no calls counted, and an app context, for every test."""
    limiter.reset()
    rate_limits.in_memory().storage.reset()
    with app.app_context():
        leftovers.remove()
        yield


@pytest.fixture
def client(app: Flask) -> PageClient:
    """A browser that nobody has signed in with."""
    return app.test_client()  # type: ignore[return-value]


@pytest.fixture
def statements(mongodb_uri: str) -> Iterator[Statements]:
    """What this test says to the database, on a connection of its own."""
    heard = Statements()
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS, event_listeners=[heard])
    yield heard
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS)


@pytest.fixture(scope="session")
def stripe_process() -> Iterator[stripe_server.Server]:
    """A server that plays Stripe; connections to it are kept, so one does for all tests."""
    with stripe_server.running() as server:
        yield server


@pytest.fixture
def stripe(app: Flask, stripe_process: stripe_server.Server, monkeypatch: pytest.MonkeyPatch) -> FakeStripe:
    """Orders are paid at a Stripe that knows nothing yet."""
    fake = stripe_server.Server.fake = FakeStripe()
    settings = {
        "PAYMENT_PROVIDER": "stripe",
        "STRIPE_SECRET_KEY": stripe_server.SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": stripe_server.WEBHOOK_SECRET,
        "STRIPE_API_BASE": f"http://127.0.0.1:{stripe_process.server_port}",
    }
    for name, value in settings.items():
        monkeypatch.setitem(app.config, name, value)
    return fake


@pytest.fixture
def threads(app: Flask) -> Callable[..., list[Any]]:
    """`threads(function, n)` calls `function(i)` in n threads that start together; gives what each returned or raised."""

    def run(function: Callable[[int], Any], n: int) -> list[Any]:
        outcomes: list[Any] = [None] * n
        start = threading.Barrier(n)

        def call(i: int) -> None:
            with app.app_context():
                start.wait()
                try:
                    outcomes[i] = function(i)
                except Exception as error:
                    outcomes[i] = error

        running = [threading.Thread(target=call, args=(i,)) for i in range(n)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return outcomes

    return run
