"""Deciding in a real browser: requests by the keyboard alone, and the desk on a phone."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.models.token_request import TokenRequest
from app.services import beta_requests, canned_responses
from tests.factories import actor_of, make_admin, make_request, make_user, sign_in
from tests.walks.visiting import PHONE

DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture
def open_desk(app: Flask, browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """`open_desk(path)` opens a page as Adam, who reviews; it fails on a script error."""
    adam = make_admin("adam@example.com", name="Adam")
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = sign_in(app.test_client(), adam).get_cookie(name)  # type: ignore[arg-type]
    assert cookie
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_(path: str, size: dict[str, int] = DESKTOP) -> Page:
        context = browser.new_context(base_url=url, viewport=size)  # type: ignore[arg-type]
        contexts.append(context)
        context.add_cookies([{"name": name, "value": cookie.value, "url": url}])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


def make_requests(many: int) -> None:
    """Every third one is for the beta program."""
    for n in range(1, many + 1):
        user = make_user(name=f"Person {n}")
        if n % 3:
            make_request(user, used=1_000)
        else:
            beta_requests.submit(user, by=actor_of(user))


def focused(page: Page) -> str:
    """What the focused element says."""
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def expect_request(page: Page, number: int) -> None:
    """The page of that request is there, and its keys work."""
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Request #{number}")
    page.wait_for_load_state()


@pytest.mark.parametrize("many", [7, pytest.param(30, marks=pytest.mark.long)])
def test_requests_are_decided_by_the_keyboard_alone(open_desk: Callable[..., Page], many: int) -> None:
    make_requests(many)
    page = open_desk("/admin/requests")
    press = page.keyboard.press

    # Along the list, and into the second row and out of it again.
    press("j")
    assert focused(page) == f"#{many}"
    press("j")
    press("j")
    press("k")
    assert focused(page) == f"#{many - 1}"
    press("o")
    expect_request(page, many - 1)
    press("j")
    expect_request(page, many - 2)
    press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.wait_for_load_state()

    # What is typed into a field is text.
    page.keyboard.type("#3")
    press("Enter")
    expect(page.get_by_text("1 request", exact=True)).to_be_visible()
    page.wait_for_load_state()
    press("r")
    expect_request(page, 3)
    expect(page.get_by_role("button", name="Reject")).to_be_focused()

    # The next one, again and again; it stays so after the box was ticked once.
    press("n")
    expect_request(page, 1)
    press("a")
    expect(page.get_by_role("button", name="Approve")).to_be_focused()
    for _ in range(4):
        press("Tab")
    press("Space")
    expect(page.get_by_label("Open the next request after deciding")).to_be_checked()
    for n in range(1, many + 1):
        expect_request(page, n)
        if n % 5 == 1:
            press("r")
            if n % 3:
                page.keyboard.type("Just a joke, jar.")
                press("Control+Enter")
            else:
                press("Enter")
        else:
            press("a")
            press("Enter")
    expect(page.get_by_text("Nothing is left to review")).to_be_visible()
    decided = {one.number: (one.status, one.decision["response"]) for one in TokenRequest.objects}
    for n, (status, response) in decided.items():
        assert status == ("rejected" if n % 5 == 1 else "approved"), n
        assert response == ("Just a joke, jar." if n % 5 == 1 and n % 3 else ""), n


def test_the_keys_explain_themselves_and_can_be_switched_off(open_desk: Callable[..., Page]) -> None:
    make_request()
    page = open_desk("/admin/requests")
    page.keyboard.press("?")
    expect(page.get_by_text("Open the row")).to_be_visible()
    page.get_by_label("Use these keys").uncheck()
    page.keyboard.press("o")
    page.reload()
    page.keyboard.press("j")
    assert focused(page) != "#1"
    page.get_by_text("Keyboard").click()
    page.get_by_label("Use these keys").check()
    page.keyboard.press("j")
    assert focused(page) == "#1"


def test_a_canned_response_fills_the_field_and_can_be_changed(open_desk: Callable[..., Page]) -> None:
    adam = make_admin("eve@example.com")
    canned_responses.create(title="Wait", text="Please wait.", by=actor_of(adam))
    make_request()
    page = open_desk("/admin/requests/1")
    page.get_by_label("Canned response").select_option("Wait")
    message = page.get_by_label("Message to the user")
    expect(message).to_have_value("Please wait.")
    message.fill("Please wait for me.")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Request #1 is rejected.")).to_be_visible()
    assert TokenRequest.objects.get(number=1).decision["response"] == "Please wait for me."


def test_rows_are_selected_one_by_one_and_all_at_once(open_desk: Callable[..., Page]) -> None:
    for _ in range(3):
        make_request()
    page = open_desk("/admin/requests")
    bar = page.locator("#desk-bulk")
    expect(bar).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(bar.locator("summary")).to_have_text("Decide the selected (1)")
    page.get_by_label("Select all on this page").check()
    expect(bar.locator("summary")).to_have_text("Decide the selected (3)")
    bar.locator("summary").click()
    expect(bar.get_by_role("button", name="See what would happen")).to_be_visible()


def test_the_desk_is_usable_on_a_phone(open_desk: Callable[..., Page]) -> None:
    make_request(make_user(name="Maria del Carmen Fernández de la Vega y Sotomayor"), reason="x" * 300)
    page = open_desk("/admin/requests", PHONE)
    too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(too_wide)
    page.get_by_role("button", name="Review next").click()
    expect_request(page, 1)
    assert not page.evaluate(too_wide)
    page.get_by_label("Message to the user").fill("Welcome.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text(re.compile("Request #1 is approved"))).to_be_visible()
