"""An admin finds a user, resets the account, adds a bonus and changes what the user may: with and without JavaScript."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.services.demo import ADMIN_EMAIL, DEMO_EMAIL
from tests.walks.ways import PHONE

DESKTOP = {"width": 1280, "height": 900}
WAYS = {
    "on a desk": {"viewport": DESKTOP},
    "on a phone": PHONE,
    "without JavaScript": {"viewport": DESKTOP, "java_script_enabled": False},
}
# With and without JavaScript once each is enough for the quick suite.
LONG = {"on a desk"}


def find(page: Page, text: str) -> None:
    """Searches for a user and opens their page."""
    page.get_by_role("link", name="Admin", exact=True).click()
    page.get_by_role("link", name="Users", exact=True).click()
    page.get_by_role("searchbox", name="Search").fill(text)
    page.get_by_role("button", name="Show").click()
    page.get_by_role("rowheader").get_by_role("link").first.click()


@pytest.mark.parametrize(
    "options",
    [pytest.param(options, id=way, marks=[pytest.mark.long] if way in LONG else []) for way, options in WAYS.items()],
)
def test_an_admin_helps_a_user(visit: Callable[..., Page], options: dict[str, object]) -> None:
    scripted = options.get("java_script_enabled", True)
    page = visit(ADMIN_EMAIL, **options)
    find(page, "dana")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dana Demo")
    expect(page.locator(".account-card-figure")).to_contain_text("700")

    # A bonus: shown in place where there is JavaScript, and always before it is added.
    page.get_by_role("link", name="Add bonus…").click()
    preview = page.locator("#bonus-preview")
    expect(preview).to_be_hidden()
    for amount, said in {
        "50000": "100,000 − 50,000 = 50,000 used. 700 → 50,700 available.",
        "120000": "100,000 − 100,000 = 0 used. 20,000 become a grant. 700 → 120,700 available.",
        "1.5": None,
        "40000": "100,000 − 40,000 = 60,000 used. 700 → 40,700 available.",
    }.items():
        page.get_by_role("textbox", name="Tokens").fill(amount)
        if scripted and said:
            expect(preview).to_have_text(said)
        else:
            expect(preview).to_be_hidden()
    page.get_by_label("Why?").fill("For the talk")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#preview")).to_contain_text("100,000 − 40,000 = 60,000 used.")
    page.get_by_role("link", name="Change it").click()
    page.get_by_role("textbox", name="Tokens").fill("50000")
    page.get_by_role("button", name="Go on").click()
    confirm = page.url
    page.get_by_role("button", name="Add the bonus").click()
    expect(page.get_by_text("50,000 tokens are added.")).to_be_visible()
    expect(page.locator(".account-card-figure")).to_contain_text("50,700")
    # Going back and sending the same form again adds nothing.
    page.go_back()
    assert page.url == confirm
    page.get_by_role("button", name="Add the bonus").click()
    expect(page.locator(".account-card-figure")).to_contain_text("50,700")
    find(page, DEMO_EMAIL)

    # A reset says what comes back.
    page.get_by_role("link", name="Reset…").click()
    expect(page.locator("#preview")).to_contain_text("50,000 tokens come back: 50,700 → 100,700 available.")
    page.get_by_role("button", name="Reset the account").click()
    page.get_by_label("Why?").fill("A new start")
    page.get_by_role("button", name="Reset the account").click()
    expect(page.get_by_text("The account is reset: 50,000 tokens came back.")).to_be_visible()
    expect(page.locator(".ledger")).to_contain_text("A new start")
    # Before its style is there, a page may be wider.
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth") is True

    # What the user may, and whether at all.
    page.get_by_role("link", name="Change the user").click()
    page.get_by_role("button", name="Give Support").click()
    expect(page.get_by_text("The change to Dana Demo is made.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="users.read")).to_be_checked()
    expect(page.get_by_role("button", name="Deactivate the user")).to_be_hidden()
    page.locator("summary", has_text="Deactivate…").click()
    page.get_by_role("button", name="Deactivate the user").click()
    expect(page.get_by_role("button", name="Activate the user")).to_be_visible()
    page.get_by_role("button", name="Activate the user").click()
    expect(page.locator("summary", has_text="Deactivate…")).to_be_visible()
