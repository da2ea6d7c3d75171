"""What the walks share: the devices that they are walked with, and what pages say everywhere."""

import re

from playwright.sync_api import Page

from tests.walks import visiting

PHONE: dict[str, object] = {"viewport": visiting.PHONE}
WITHOUT_SCRIPTS: dict[str, object] = {"java_script_enabled": False}


def balance(page: Page) -> int:
    """The figure in the header."""
    return int(re.sub(r"\D", "", page.locator("#balance").inner_text()))
