"""A token on its way into the catalogue: asked for, supported by somebody else, decided, and read by everybody."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.services.demo import ADMIN_EMAIL, DEMO_EMAIL
from tests.walks.ways import PHONE, WITHOUT_SCRIPTS

MAKER = "0x9f8F72aA9304c8B593d555F12eF6589cC3A579A2"


@pytest.mark.parametrize("device", [PHONE, WITHOUT_SCRIPTS], ids=["phone", "without scripts"])
def test_a_token_is_asked_for_supported_and_listed(visit: Callable[..., Page], device: dict[str, object]) -> None:
    user = visit(DEMO_EMAIL, **device)
    user.get_by_role("link", name="Catalogue").first.click()
    user.get_by_role("link", name="Have a token listed").first.click()
    user.get_by_label("Symbol").fill("MKR")
    user.get_by_label("Name").fill("Maker")
    user.get_by_label("Blockchain").select_option("Tron")
    user.get_by_label("Contract address").fill(MAKER.lower())
    # With scripts the hint comes while one types, without them when the form is sent.
    if device is WITHOUT_SCRIPTS:
        user.get_by_role("button", name="Send the request").click()
    expect(user.get_by_text("This looks like an address on Ethereum")).to_be_visible()
    user.get_by_label("Blockchain").select_option("Ethereum")
    if device is PHONE:
        expect(user.get_by_text("This looks like an address on Ethereum")).to_have_count(0)
    user.get_by_role("button", name="Send the request").click()
    expect(user.get_by_text("was sent.")).to_be_visible()
    number = user.url.rpartition("/")[2]

    # Somebody else wants the same, and stands behind it instead.
    admin = visit(ADMIN_EMAIL, **device)
    admin.goto("/requests/new?kind=listing")
    admin.get_by_label("Symbol").fill("MKR")
    admin.get_by_label("Name").fill("Maker")
    admin.get_by_label("Blockchain").select_option("Ethereum")
    admin.get_by_label("Contract address").fill(MAKER)
    if device is WITHOUT_SCRIPTS:
        admin.get_by_role("button", name="Send the request").click()
    admin.get_by_role("button", name=f"Support request #{number}").click()
    expect(admin.get_by_text(f"You support request #{number}, and will hear of the decision.")).to_be_visible()

    admin.goto(f"/admin/requests/{number}")
    admin.get_by_role("button", name="Approve").click()
    expect(admin.get_by_text(f"Request #{number} is approved.")).to_be_visible()
    user.goto("/catalogue?q=mak")
    expect(user.get_by_role("link", name="MKR")).to_be_visible()
    admin.goto("/notifications")
    expect(admin.get_by_text("MKR, which you asked for together with others, is in the catalogue now.")).to_be_visible()
