"""A real browser, and the app as a user starts it."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.serving import Server, serving

DESKTOP = {"width": 1280, "height": 900}


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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`flask serve` with a database of its own and the demo accounts in it."""
    with serving(tmp_path_factory.mktemp("walk")) as server:
        yield server


def is_error(message: ConsoleMessage) -> bool:
    """Whether something is wrong with a page; that a form was refused, which a browser says of the page itself, is not."""
    is_refusal = "status of 4" in message.text and "/static/" not in message.location["url"]
    return message.type == "error" and not is_refusal


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """`visit(email)` signs in at the form and gives the page; each has cookies of its own and fails on a script error."""
    errors: list[str] = []
    contexts = []

    def sign_in(email: str, **options: object) -> Page:
        context = browser.new_context(base_url=server.url, **{"viewport": DESKTOP, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
        page.goto("/")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(server.accounts()[email])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/chat")
        return page

    yield sign_in
    for context in contexts:
        context.close()
    assert errors == []
