"""The fixtures that all tests share: the app on a real MongoDB, an empty database for each test, a browser-like client."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from mongoengine import connect, disconnect

import config
from app import create_app, db, embedded_mongo, rate_limits
from app.extensions import limiter
from app.services import upstream
from tests import memory_disk, stripe_server
from tests.leftovers import Leftovers
from tests.page_client import PageClient
from tests.statements import Statements
from tests.stripe_server import FakeStripe

_at_the_end = ExitStack()


def _start_mongo() -> Path:
    """A mongod that lives until this process has run its last test."""
    folder = _at_the_end.enter_context(memory_disk.new_folder())
    _at_the_end.enter_context(embedded_mongo.running(folder, for_tests=True))
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With xdist, the controller starts one mongod for all its workers."""
    if not hasattr(node.config, "mongo_folder"):
        node.config.mongo_folder = _start_mongo()
    node.workerinput["mongo_folder"] = str(node.config.mongo_folder)


def pytest_unconfigure() -> None:
    """Ends the mongod that this process started, and hangs up on the models that tests have talked to."""
    _at_the_end.close()
    upstream._client().close()


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
