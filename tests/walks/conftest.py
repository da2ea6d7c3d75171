"""A real browser, and the app for it: on the tests' own database, or as a user starts it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from app.services import assistants, demo
from tests.factories import OPERATOR
from tests.serving import Server, over_http, serving

DESKTOP = {"width": 1280, "height": 900}
# How long a page may take to show what is expected; a machine that is busy with other tests needs more than a user would.
expect.set_options(timeout=20_000)


@dataclass(frozen=True)
class Desk:
    """The app with the demo in it, in this process: there in a moment, where `flask serve` takes seconds to start."""

    url: str
    passwords: dict[str, str]

    def accounts(self) -> dict[str, str]:
        """The password of each demo account, by e-mail."""
        return self.passwords


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, without a screen."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        assert path, "the browser tests need chromium: apt-get install chromium"
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    """The app on the tests' own database, over HTTP."""
    with over_http(app) as url:
        yield url


@pytest.fixture
def desk(url: str) -> Desk:
    """The app on the tests' own database, with the demo accounts in it."""
    assistants.ensure_default()
    return Desk(url, {account.email: account.password for account in demo.people(by=OPERATOR)})


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`flask serve` with a database of its own and the demo accounts in it."""
    with serving(tmp_path_factory.mktemp("walk")) as server:
        yield server


def is_error(message: ConsoleMessage) -> bool:
    """Whether something is wrong with a page; that a form was refused, which a browser says of the page itself, is not."""
    is_refusal = "status of 4" in message.text and "/static/" not in message.location["url"]
    return message.type == "error" and not is_refusal


@pytest.fixture
def visited(request: pytest.FixtureRequest) -> Server | Desk:
    """What a test visits: `server` where it names that one, and else the app in this process."""
    name = "server" if "server" in request.fixturenames else "desk"
    visited: Server | Desk = request.getfixturevalue(name)
    return visited


@pytest.fixture
def guest(browser: Browser, visited: Server | Desk) -> Iterator[Callable[..., Page]]:
    """`guest()` opens an empty page; each has cookies of its own and fails on a script error."""
    errors: list[str] = []
    contexts = []

    def open_page(**options: object) -> Page:
        context = browser.new_context(base_url=visited.url, **{"viewport": DESKTOP, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def visit(guest: Callable[..., Page], visited: Server | Desk) -> Callable[..., Page]:
    """`visit(email)` signs in at the form and gives the page of a new `guest`."""

    def sign_in(email: str, **options: object) -> Page:
        page = guest(**options)
        page.goto("/")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(visited.accounts()[email])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/chat")
        return page

    return sign_in
