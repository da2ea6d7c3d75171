"""Every page in light and dark, on a desk and on a phone: no finding of axe, nothing wider than the screen."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from app.services.demo import ADMIN_EMAIL, DEMO_EMAIL
from tests.serving import Server

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
# Without motion: a colour that is on its way from one theme to the other has no contrast yet.
STILL = {"reduced_motion": "reduce"}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

USER_PAGES = [
    *("/chat", "/chat/search?q=nothing", "/account", "/account/stopped"),
    *("/account/explain/balance", "/account/explain/grants", "/account/explain/held"),
    *(
        "/requests",
        "/requests?kind=beta",
        "/requests/new",
        "/requests/new?kind=beta",
        "/requests/9",
        "/requests/9/edit",
    ),
    *("/buy", "/buy/basic", "/orders"),
    *("/notifications", "/settings", "/settings/email", "/settings/password", "/settings/two-factor"),
    *("/settings/sessions", "/settings/api-keys", "/settings/data"),
]
ADMIN_PAGES = [
    *("/admin", "/admin/requests", "/admin/requests?status=spam", "/admin/requests/9", "/admin/requests/10"),
    # A token that looks like a listed one.
    "/admin/requests/6",
    *("/admin/requests/statistics", "/admin/canned-responses"),
    *("/admin/orders", "/admin/orders?q=nobody", "/admin/orders/1", "/admin/orders/1/refund", "/admin/orders/2"),
    *("/admin/users", "/admin/users?q=nobody", "/admin/users?out=1"),
]
# Under the address of the user who runs out.
USER_OF_ADMIN = ["", "/reset", "/bonus", "/bonus?amount=500&reason=Why&key=" + "0" * 32, "/change"]


def faults(page: Page) -> list[str]:
    """What axe finds on a page at both widths and in both themes, and whether it is too wide for a phone."""
    found = []
    for size, theme in ((DESKTOP, "light"), (PHONE, "dark"), (DESKTOP, "dark"), (PHONE, "light")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        violations = Axe().run(page, options=RULES).response["violations"]
        found += [f"{size['width']} {theme} {one['id']}: {one['nodes'][0]['target']}" for one in violations]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{size['width']} {theme}: wider than the screen")
    return found


def ask(page: Page, reason: str) -> None:
    """Sends a request by the form, which everybody with an allowance may open."""
    page.goto("/requests/new?kind=quota")
    page.get_by_label("What do you need the tokens for?").fill(reason)
    page.get_by_role("button", name="Send the request").click()
    page.wait_for_url("**/requests/*")


@pytest.mark.long
def test_every_page_can_be_used_by_everybody(browser: Browser, server: Server, visit: Callable[..., Page]) -> None:
    user, admin = visit(DEMO_EMAIL, **STILL), visit(ADMIN_EMAIL, **STILL)
    ask(user, "A word without an end: " + "x" * 300)
    ask(admin, "My own request.")
    stranger = browser.new_page(base_url=server.url, **STILL)
    pages = [
        (stranger, "/sign-in"),
        (stranger, "/static/nothing"),
        *((user, path) for path in USER_PAGES),
        *((admin, path) for path in ADMIN_PAGES),
    ]
    admin.goto("/admin/users?q=dana")
    about = admin.get_by_role("rowheader").get_by_role("link").get_attribute("href")
    pages += [(admin, f"{about}{path}") for path in USER_OF_ADMIN]
    found = {}
    for page, path in pages:
        page.goto(path)
        found[path] = faults(page)
    stranger.close()
    assert {path: faults_ for path, faults_ in found.items() if faults_} == {}
