"""Every page, as each of those whom it is for: what axe finds, in both themes; how much it loads, from where; a phone's width."""

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.walks.pages import ADMIN, CAREFUL, CODE, GUEST, USER, Place, addresses, places
from tests.walks.showroom import SETTINGS, Showroom
from tests.walks.visiting import DESKTOP, PHONE, Visitors, show, visitors

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# A theme changes colours alone.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
ALL = {"runOnly": RULES}
# All but what Swagger UI draws, which is not ours to mend; the document that it shows can be read without it.
RUN = """options => axe.run({exclude: ['.swagger-ui']}, {...options, resultTypes: ['violations']})
  .then(result => result.violations)"""
# With the page, as it travels: files leave compressed, pages do not.
MOST_BYTES = 150_000
# Swagger UI, which a package brings, reads the API's document there: by itself more than all other pages together.
WEIGHT_OF_ITS_OWN = {"/api/docs": 800_000}
# What the browser has already it does not weigh again: the first time counts.
LOADED = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .map(one => [one.name, one.encodedBodySize])"""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def hall(
    app: Flask, browser: Browser, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Visitors]:
    """The app with something on each page, and those who look at them."""
    for name, value in SETTINGS.items():
        monkeypatch.setitem(app.config, name, value)
    url = request.getfixturevalue("url")
    with visitors(browser, app, Showroom(), url) as made:
        yield made


def violations(page: Page, options: dict[str, object], where: str) -> list[str]:
    """What axe finds."""
    return [f"{where} {one['id']}: {one['nodes'][0]['target']}" for one in page.evaluate(RUN, options)]


def weight(page: Page, place: Place, known: dict[str, int]) -> list[str]:
    """Whether a page is too heavy."""
    loaded = dict(page.evaluate(LOADED))
    for url, bytes_ in loaded.items():
        known[url] = max(bytes_, known.get(url, 0))
    heavy = sum(known[url] for url in loaded)
    return [f"{heavy:,} bytes"] if heavy > WEIGHT_OF_ITS_OWN.get(place.path, MOST_BYTES) else []


def width(page: Page) -> list[str]:
    """Whether a page is wider than a phone."""
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    return ["wider than a phone"] if page.evaluate(TOO_WIDE) else []


def look(page: Page, place: Place, known: dict[str, int]) -> list[str]:
    """All rules in one theme and the colours in the other, and what does not depend on either."""
    page.evaluate(AXE)
    found = [*weight(page, place, known), *violations(page, ALL, "light")]
    show(page, "dark")
    found += violations(page, COLOURS, "dark")
    return found + width(page)


def look_closely(page: Page, place: Place, known: dict[str, int]) -> list[str]:
    """All rules in both themes, on a desk and on a phone."""
    page.evaluate(AXE)
    found = weight(page, place, known)
    for size in (DESKTOP, PHONE):
        for theme in ("light", "dark"):
            show(page, theme, size)
            found += violations(page, ALL, f"{size['width']} {theme}")
    return found + width(page)


@pytest.mark.parametrize("who", [(GUEST, CODE, CAREFUL), (USER,), (ADMIN,)], ids=["guests", "users", "admins"])
@pytest.mark.parametrize(
    ("way", "chosen"),
    [(look, addresses), pytest.param(look_closely, places, marks=pytest.mark.long)],
    ids=["once", "closely"],
)
def test_every_page_can_be_used_by_everybody(app, hall, who, way, chosen):
    found: dict[str, list[str]] = {}
    known: dict[str, int] = {}
    for place in chosen(app, hall.showroom):
        if place.who in who:
            page = hall.open(place)
            assert place.sends or page.url.removeprefix(hall.url) == place.path, f"{place} leads to {page.url}"
            found[str(place)] = way(page, place, known)
    assert {place: faults for place, faults in found.items() if faults} == {}
    assert hall.foreign == []


@pytest.mark.long
def test_no_page_is_wider_than_a_phone_in_a_language_of_long_words(app, hall):
    hall.showroom.speak("ru")
    found = {str(place): width(hall.open(place, PHONE)) for place in places(app, hall.showroom)}
    assert {place: faults for place, faults in found.items() if faults} == {}
