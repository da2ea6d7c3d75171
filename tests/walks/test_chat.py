"""Talking in a browser: sending, the answer as it is written, its code, another title, search, deleting."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.services.demo import DEMO_EMAIL
from tests.walks.ways import PHONE, WITHOUT_SCRIPTS, balance

TOUCHED = {**PHONE, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("device", [{}, TOUCHED, WITHOUT_SCRIPTS], ids=["desktop", "phone", "without scripts"])
def test_a_user_talks_finds_it_again_and_deletes_it(visit: Callable[..., Page], device: dict[str, object]) -> None:
    page = visit(DEMO_EMAIL, **device)
    has_scripts = device is not WITHOUT_SCRIPTS
    before = balance(page)
    messages = page.locator(".chat-messages > li")

    # On a desk Enter sends, and begins a new line together with Shift; on a phone there is a button.
    box = page.get_by_label("Your message")
    box.fill("Show me some code")
    if device:
        page.get_by_role("button", name="Send").click()
    else:
        box.press("Shift+Enter")
        expect(box).to_have_value("Show me some code\n")
        box.press("Enter")
    expect(messages).to_have_count(2)
    expect(page.locator("[data-unfinished]")).to_have_count(0)
    expect(page.locator("h1")).to_have_text("Show me some code")
    expect(page).to_have_url(re.compile("/chat/[0-9a-f]{24}"))
    expect(page.get_by_label("Your message")).to_have_value("")
    assert balance(page) < before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") if has_scripts else True

    # The answer is formatted; its code can be copied.
    expect(messages.last.locator("pre code")).to_be_visible()
    expect(messages.last.get_by_role("button", name="Copy")).to_have_count(1 if has_scripts else 0)
    expect(messages.last).to_contain_text("tokens")

    # It is all there when the page is opened again, and goes on.
    page.reload()
    expect(messages).to_have_count(2)
    page.get_by_label("Your message").fill("Who are you?")
    page.get_by_role("button", name="Send").click()
    expect(messages).to_have_count(4)
    expect(page.locator("[data-unfinished]")).to_have_count(0)

    # Another title, which the search finds, as it finds words of what was said.
    page.locator("summary", has_text="Rename").click()
    page.get_by_label("Title").fill("Programming for beginners")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator("h1")).to_have_text("Programming for beginners")
    page.goto("/chat/search?q=programming")
    expect(page.locator(".chat-hits li")).to_have_count(1)
    page.get_by_label("Search your conversations").fill("show code")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("mark").first).to_be_visible()
    page.get_by_role("link", name="Programming for beginners").click()
    expect(messages).to_have_count(4)

    # Deleting asks first.
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete the conversation").click()
    expect(page.get_by_text("The conversation is deleted.")).to_be_visible()
    page.goto("/chat/search?q=programming")
    expect(page.get_by_text("Nothing found")).to_be_visible()
