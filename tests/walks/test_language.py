"""A guest chooses Russian before signing in; the setting of the account decides after, on every device."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.services.demo import DEMO_EMAIL
from tests.walks.conftest import Desk
from tests.walks.ways import PHONE, WITHOUT_SCRIPTS

DEVICES = [
    pytest.param({}, id="desktop", marks=pytest.mark.long),
    pytest.param({**PHONE, **WITHOUT_SCRIPTS}, id="phone without scripts"),
]


@pytest.mark.parametrize("device", DEVICES)
def test_the_language_is_switched(
    desk: Desk, guest: Callable[..., Page], visit: Callable[..., Page], device: dict[str, object]
) -> None:
    # The browser asks for English; the guest wants Russian, and back.
    page = guest(locale="en-US", **device)
    page.goto("/catalogue")
    page.get_by_role("button", name="Русский").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Каталог")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    page.goto("/sign-in")
    page.get_by_label("Почта").fill(DEMO_EMAIL)
    page.get_by_label("Пароль").fill("not this one")
    page.get_by_role("button", name="Войти").click()
    expect(page.get_by_role("alert")).to_contain_text("Неверн")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

    # Whoever is signed in has it in the settings: numbers and dates follow at once, and another browser, too.
    page = visit(DEMO_EMAIL, locale="en-US", **device)
    page.goto("/settings")
    page.get_by_label("Language").select_option("Русский")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Профиль")
    page.goto("/account")
    expect(page.locator(".account-card")).to_contain_text("100 000")
    again = visit(DEMO_EMAIL, locale="en-US", **device)
    expect(again.locator("html")).to_have_attribute("lang", "ru")
