"""The whole way once, as a newcomer goes it: chat, run out, ask for more, decide, carry on."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.services.demo import ADMIN_EMAIL, DEMO_EMAIL
from tests.serving import Server
from tests.walks.ways import PHONE, balance

MORE = "Request more tokens"
QUESTION = "How do I prepare a good conference talk? Please answer at some length, with examples."


def use_up(page: Page) -> int:
    """Chats until the message box gives way; each answer lowers the balance. Returns how many answers there were."""
    answers = 0
    while page.get_by_label("Your message").count():
        before = balance(page)
        page.get_by_label("Your message").fill(QUESTION)
        page.get_by_role("button", name="Send").click()
        answers += 1
        expect(page.locator(".chat-messages > li")).to_have_count(2 * answers)
        expect(page.locator("[data-unfinished]")).to_have_count(0)
        assert balance(page) < before
        assert answers < 10
    return answers


@pytest.mark.parametrize("device", [{}, pytest.param(PHONE, marks=pytest.mark.long)], ids=["desktop", "phone"])
def test_a_user_runs_out_asks_for_more_and_carries_on(
    server: Server, visit: Callable[..., Page], device: dict[str, object]
) -> None:
    user = visit(DEMO_EMAIL, **device)
    started_with = balance(user)

    # Chatting costs tokens; the account shows each entry with the balance before and after.
    answers = use_up(user)
    assert answers >= 1
    left = balance(user)
    user.locator("#balance").click()
    newest = user.locator("table tbody tr").first
    expect(newest).to_contain_text(f"{left:,}")
    assert user.locator("table tbody tr").count() >= answers + 1
    assert left < started_with

    # Out of tokens: the box has given way to what can be done.
    user.goto("/chat")
    expect(user.get_by_label("Your message")).to_have_count(0)
    user.get_by_role("link", name=MORE).click()
    user.get_by_label("What do you need the tokens for?").fill("I am preparing a talk and ran out.")
    user.get_by_role("button", name="Send the request").click()
    expect(user.get_by_role("heading", level=1)).to_have_text("Request #9")

    # A second one is not possible, and the page says why.
    user.goto("/chat")
    expect(user.get_by_text("Request #9 is being reviewed").first).to_be_visible()
    expect(user.get_by_role("link", name=MORE)).to_have_count(0)
    user.goto("/requests/new?kind=quota")
    expect(user.get_by_text("Request #9 is being reviewed").first).to_be_visible()
    expect(user.get_by_role("button", name="Send the request")).to_have_count(0)

    # The admin sees what waits, reads it, and approves with a message.
    admin = visit(ADMIN_EMAIL, **device)
    admin.get_by_role("link", name="Admin", exact=True).click()
    expect(admin.get_by_role("heading", level=1)).to_be_visible()
    admin.goto("/admin/requests")
    row = admin.locator("tr", has_text="I am preparing a talk")
    expect(row).to_contain_text("Dana Demo")
    row.get_by_role("link", name="#9").click()
    expect(admin.get_by_text("I am preparing a talk and ran out.")).to_be_visible()
    admin.get_by_label("Message to the user").fill("Good luck with the talk.")
    admin.get_by_role("button", name="Approve").click()
    expect(admin.get_by_text("Request #9 is approved.")).to_be_visible()

    # The user is told, the allowance is whole again, and the chat works.
    user.goto("/notifications")
    expect(user.get_by_text("Your request #9 was approved.")).to_be_visible()
    expect(user.get_by_text("Good luck with the talk.")).to_be_visible()
    assert balance(user) == left + 100_000
    user.goto("/chat")
    user.get_by_label("Your message").fill("Thank you!")
    user.get_by_role("button", name="Send").click()
    expect(user.locator(".chat-messages > li")).to_have_count(2)
    expect(user.locator("[data-unfinished]")).to_have_count(0)
    assert balance(user) < left + 100_000
