"""The app on a real HTTP server, and clients of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from tokendesk import Client

from app.models.user import User
from tests.clients.unsteady import Unsteady, standing_before
from tests.factories import bearer, make_admin, make_user
from tests.serving import over_http


@pytest.fixture(scope="session")
def desk_url(app: Flask) -> Iterator[str]:
    """Where the app of the tests listens."""
    with over_http(app) as url:
        yield url


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is reached directly, whatever the environment says of proxies."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def product_key() -> str:
    """The secret of a key as a host product has it."""
    headers = bearer(make_admin(), "usage.write", "users.sign_in", name="The product")
    return headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def ada() -> User:
    """A user with 150,000 tokens."""
    return make_user("ada@example.com")


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that clients made, in seconds."""
    return []


@pytest.fixture
def connect(product_key: str, pauses: list[float]) -> Iterator[Callable[..., Client]]:
    """`connect(url)` gives a client that pauses without waiting."""
    with ExitStack() as clients:

        def to(url: str, api_key: str = product_key, **options: Any) -> Client:
            return clients.enter_context(Client(url, api_key, pause=pauses.append, **options))

        yield to


@pytest.fixture
def desk(connect: Callable[..., Client], desk_url: str) -> Client:
    """A client of the app."""
    return connect(desk_url)


@pytest.fixture
def unsteady(desk_url: str) -> Iterator[Unsteady]:
    """A server before the app that spoils calls."""
    with standing_before(desk_url) as server:
        yield server


@pytest.fixture
def shaky(connect: Callable[..., Client], unsteady: Unsteady) -> Client:
    """A client of the app, over a server that spoils calls."""
    return connect(unsteady.url)
