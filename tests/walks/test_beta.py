"""The beta program as a user and a reviewer go through it: ask, be asked, answer, be let in, see what it brought."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.services.demo import ADMIN_EMAIL, DEMO_EMAIL
from tests.walks.ways import PHONE, WITHOUT_SCRIPTS, balance


@pytest.mark.parametrize(
    "device",
    [
        pytest.param({}, id="desktop", marks=pytest.mark.long),
        pytest.param(PHONE, id="phone", marks=pytest.mark.long),
        pytest.param(WITHOUT_SCRIPTS, id="without scripts"),
    ],
)
def test_a_user_joins_the_beta_program(visit: Callable[..., Page], device: dict[str, object]) -> None:
    user = visit(DEMO_EMAIL, **device)
    before = balance(user)

    # The account page invites; asking is one button, and the page after it says what to expect.
    user.goto("/account")
    user.get_by_role("link", name="Join the beta program").click()
    user.get_by_role("button", name="Send the request").click()
    expect(user.get_by_text("Your request #1 was sent.")).to_be_visible()
    expect(user.get_by_text("It is the next one in the queue.")).to_be_visible()
    user.goto("/account")
    expect(user.get_by_text("Your request to join is being reviewed.")).to_be_visible()
    expect(user.get_by_role("link", name="Join the beta program")).to_have_count(0)

    # The reviewer asks something first; the notification leads to the question, and the answer back to the desk.
    admin = visit(ADMIN_EMAIL, **device)
    admin.goto("/admin/requests/1")
    admin.get_by_label("Message to the user").fill("What would you try first?")
    admin.get_by_role("button", name="Ask this").click()
    expect(admin.get_by_text("The user of request #1 is asked.")).to_be_visible()
    user.goto("/notifications")
    user.get_by_role("button", name="There is a question about your request #1.").click()
    expect(user.get_by_text("What would you try first?").first).to_be_visible()
    user.get_by_label("Your answer").fill("The new editor.")
    user.get_by_role("button", name="Send the answer").click()
    expect(user.get_by_text("Your answer was sent.")).to_be_visible()

    # The reviewer reads it and chooses how many tokens.
    admin.goto("/admin/requests/1")
    expect(admin.get_by_text("The new editor.")).to_be_visible()
    admin.get_by_label("How many tokens?").fill("250")
    admin.get_by_role("button", name="Approve").click()
    expect(admin.get_by_text("Request #1 is approved.")).to_be_visible()

    # The user sees it everywhere: told, on the request, on the account, and in the balance.
    user.goto("/notifications")
    expect(user.get_by_text("You were granted 250 tokens.")).to_be_visible()
    user.get_by_role("button", name="Your request #1 was approved.").click()
    expect(user.get_by_text("Approved: you are in the beta program, with 250 extra tokens.")).to_be_visible()
    user.goto("/account")
    expect(user.get_by_text("You have been a member since")).to_be_visible()
    assert balance(user) == before + 250
