"""Opening any page in a browser, each as whoever it is for, with nothing of it from elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page

from tests.walks.pages import Place
from tests.walks.showroom import Showroom

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}

# What has another colour now is drawn with the next frame.
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
SEND_EMPTY = """() => {
  const form = [...document.querySelectorAll("main form[method=post]:not(.languages)")].at(-1);
  form.noValidate = true;
  form.requestSubmit();
}"""


class Visitors:
    """A browser window for each of those who look at pages; the same window goes from page to page."""

    def __init__(self, browser: Browser, app: Flask, showroom: Showroom, url: str, locale: str = "en") -> None:
        """Nobody has a window yet; a guest's browser asks for pages in `locale`."""
        self.browser, self.app, self.showroom, self.url, self.locale = browser, app, showroom, url, locale
        self.foreign: list[str] = []
        self._pages: dict[str, Page] = {}

    def open(self, place: Place, size: dict[str, int] = DESKTOP) -> Page:
        """The page, as its visitor sees it on a screen of this size."""
        page = self._pages.get(place.who) or self._new_page(place.who)
        # A page is laid out once, by scripts too, for the screen on which it is opened.
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="light")
        page.goto(place.path)
        if place.sends:
            with page.expect_navigation():
                page.evaluate(SEND_EMPTY)
        return page

    def close(self) -> None:
        """Closes the windows."""
        for page in self._pages.values():
            page.context.close()

    def _new_page(self, who: str) -> Page:
        # Without motion: a colour that is on its way from one theme to the other has no contrast yet.
        context = self.browser.new_context(
            base_url=self.url,
            viewport=DESKTOP,
            locale=self.locale,
            reduced_motion="reduce",  # type: ignore[arg-type]
        )
        self._sign_in(context, who)
        page = self._pages[who] = context.new_page()
        page.on("request", lambda asked: self._hear(asked.url))
        return page

    def _sign_in(self, context: BrowserContext, who: str) -> None:
        if cookie := self.showroom.cookie(self.app, who):
            name = self.app.config["SESSION_COOKIE_NAME"]
            context.add_cookies([{"name": name, "value": cookie, "url": self.url}])

    def _hear(self, url: str) -> None:
        # Listened to and not intercepted, which would leave the browser without its cache.
        if urlsplit(url).scheme != "data" and not url.startswith(f"{self.url}/"):
            self.foreign.append(url)


def show(page: Page, theme: str, size: dict[str, int] = DESKTOP) -> None:
    """The page in this theme at this size, drawn."""
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.evaluate(DRAWN)


@contextmanager
def visitors(browser: Browser, app: Flask, showroom: Showroom, url: str, locale: str = "en") -> Iterator[Visitors]:
    """The same, with all windows closed after the block."""
    made = Visitors(browser, app, showroom, url, locale)
    try:
        yield made
    finally:
        made.close()
