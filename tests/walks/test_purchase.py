"""A manual purchase from the account page to the credited tokens."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.services.demo import ADMIN_EMAIL, DEMO_EMAIL
from tests.walks.ways import PHONE, WITHOUT_SCRIPTS, balance

DEVICES = [
    pytest.param({}, id="desktop", marks=pytest.mark.long),
    pytest.param(PHONE, id="phone", marks=pytest.mark.long),
    pytest.param({**PHONE, **WITHOUT_SCRIPTS}, id="phone without scripts"),
]


@pytest.mark.parametrize("device", DEVICES)
def test_a_user_buys_tokens_and_an_admin_confirms_the_payment(
    visit: Callable[..., Page], device: dict[str, object]
) -> None:
    user = visit(DEMO_EMAIL, **device)
    before = balance(user)

    # From the account to the packages, one look at what it costs, and the page that says how to pay.
    user.goto("/account")
    user.get_by_role("link", name="Buy tokens").click()
    user.get_by_role("link", name="Choose Basic").click()
    user.get_by_role("button", name="Order for RUB 149.00").click()
    expect(user.get_by_text("Please pay RUB 149.00")).to_be_visible()
    assert balance(user) == before
    number = re.search(r"#(\d+)", user.get_by_role("heading", level=1).inner_text())[1]

    # The admin sees it among those that wait, and says that the money is there.
    admin = visit(ADMIN_EMAIL, **device)
    admin.goto("/admin")
    admin.get_by_role("link", name="Orders", exact=True).click()
    admin.get_by_role("link", name="Not paid yet").click()
    admin.get_by_role("link", name=f"#{number}").click()
    admin.get_by_text("The payment has arrived…").click()
    admin.get_by_label("Note").fill("Transfer 4711")
    admin.get_by_role("button", name="Confirm the payment").click()
    expect(admin.get_by_text(f"Order #{number} is paid, and its tokens are credited.")).to_be_visible()

    # The user is told, and has the tokens.
    user.goto("/notifications")
    user.get_by_role("button", name=f"Your order #{number} is paid").click()
    expect(user.get_by_text("the tokens were added to your account")).to_be_visible()
    assert balance(user) == before + 50_000

    # A refund takes them back, and says so before.
    admin.get_by_role("link", name="Refund…").click()
    expect(admin.get_by_text("50,000 of the 50,000 tokens are taken back.")).to_be_visible()
    admin.get_by_label("Why?").fill("Ordered by mistake")
    admin.get_by_role("button", name="Refund the order").click()
    expect(admin.get_by_text(f"Order #{number} is refunded.")).to_be_visible()
    user.reload()
    assert balance(user) == before
