"""Making and revoking an API key in a browser, with its buttons for going back and loading again."""

from collections.abc import Callable

import httpx2
from playwright.sync_api import Page, expect

from app.services.demo import DEMO_EMAIL
from tests.walks.conftest import Desk


def call(url: str, secret: str) -> int:
    """What a program hears that shows the key."""
    headers = {"Authorization": f"Bearer {secret}"}
    path = "/api/token-requests/can-request"
    return httpx2.get(f"{url}{path}", headers=headers, trust_env=False).status_code


def test_a_key_is_shown_once_works_and_is_revoked(desk: Desk, visit: Callable[..., Page]) -> None:
    page = visit(DEMO_EMAIL)
    page.locator(".user-menu summary").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="API keys").click()
    expect(page.get_by_text("No keys yet")).to_be_visible()
    page.get_by_label("Name").fill("The nightly job")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Copy your key now")
    secret = page.locator("#secret").inner_text()
    assert secret not in page.url
    assert call(desk.url, secret) == 200

    # Loading the page again sends the form again; that makes no second key, and shows the first one no more.
    page.reload()
    expect(page.get_by_text("This form has made a key already")).to_be_visible()
    expect(page.get_by_role("rowheader", name="The nightly job")).to_have_count(1)
    assert secret not in page.content()
    page.go_back()
    page.goto("/settings/api-keys")
    expect(page.get_by_role("rowheader", name="The nightly job")).to_have_count(1)

    # It is asked before it is done.
    expect(page.get_by_role("button", name="Revoke the key")).to_be_hidden()
    page.locator("summary", has_text="Revoke The nightly job").click()
    page.get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_text("The API key “The nightly job” is revoked.")).to_be_visible()
    expect(page.locator("summary", has_text="Revoke")).to_have_count(0)
    assert call(desk.url, secret) == 401
