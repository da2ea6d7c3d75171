"""An admin sets two-factor sign-in up, signs in with a code and with a recovery code, and turns it off."""

from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
import time_machine
from playwright.sync_api import Page, expect

from app import clock
from app.services.demo import ADMIN_EMAIL
from tests.walks.conftest import Desk
from tests.walks.ways import PHONE, WITHOUT_SCRIPTS

DEVICES = [
    pytest.param({}, id="desktop", marks=pytest.mark.long),
    pytest.param(PHONE, id="phone"),
    pytest.param(WITHOUT_SCRIPTS, id="without scripts", marks=pytest.mark.long),
]


@pytest.mark.parametrize("device", DEVICES)
def test_an_admin_signs_in_with_a_second_factor(
    desk: Desk, visit: Callable[..., Page], device: dict[str, object]
) -> None:
    page = visit(ADMIN_EMAIL, **device)
    password = desk.accounts()[ADMIN_EMAIL]

    def sign_in() -> None:
        page.goto("/sign-in")
        page.get_by_label("E-mail").fill(ADMIN_EMAIL)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Enter your code")

    def sign_out() -> None:
        page.locator(".user-menu summary").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Password")).to_be_visible()

    page.goto("/settings/two-factor")
    app_on_the_phone = pyotp.TOTP(page.locator("#setup-key").inner_text().replace(" ", ""))
    page.get_by_label("Code").fill("000000")
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".invalid-feedback, .field-error, [role=alert]").first).to_be_visible()
    # The picture is still the same, so nothing has to be scanned again.
    assert app_on_the_phone.secret == page.locator("#setup-key").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(app_on_the_phone.now())
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name="Go on").click()
    recovery_codes = page.locator("#recovery-codes").inner_text().split()
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("From now on you are asked for a code when you sign in.")).to_be_visible()

    # A code counts once: the next one is that of the next half minute.
    sign_out()
    sign_in()
    with time_machine.travel(clock.now() + timedelta(seconds=31), tick=True):
        page.get_by_label("Code").fill(app_on_the_phone.now())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/chat")

        # The phone is lost: a recovery code signs in, and turns it off.
        sign_out()
        sign_in()
        page.get_by_label("Code").fill(recovery_codes[0])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/chat")
        page.goto("/settings/two-factor")
        expect(page.get_by_text("9 recovery codes are left.")).to_be_visible()
        off = page.locator("section", has=page.get_by_role("heading", name="Turn it off"))
        off.get_by_label("Code").fill(recovery_codes[1])
        off.get_by_role("button", name="Turn off two-factor sign-in").click()
        expect(page.get_by_text("Your password alone signs you in.")).to_be_visible()
