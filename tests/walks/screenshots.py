"""`python -m tests.walks.screenshots`: a picture of every page in each language, theme and width, in the folder screenshots/.

`index.html` there shows them side by side. `--readme` makes the pictures of the README instead.
"""

import argparse
import base64
import html
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from flask import Flask
from playwright.sync_api import Browser, sync_playwright

import config
from app import create_app, db, embedded_mongo
from app.models.language import LANGUAGES
from tests.page_client import PageClient
from tests.serving import over_http
from tests.walks.pages import ADMIN, USER, Place, places
from tests.walks.showroom import SETTINGS, Showroom
from tests.walks.visiting import DESKTOP, PHONE, Visitors, show, visitors

ROOT = Path(__file__).parents[2]
FOLDER, README_FOLDER = ROOT / "screenshots", ROOT / "docs/images"
THEMES = ("light", "dark")
SIZES = (DESKTOP, PHONE)


@dataclass(frozen=True, slots=True)
class Picture:
    """One of the README's: a name, whose page, where, and how it is looked at."""

    name: str
    place: Place
    theme: str
    size: dict[str, int]


def main() -> int:
    """Makes the pictures; the exit code is 1 where a page could not be opened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", action="store_true", help="the pictures of the README, into docs/images")
    parser.add_argument("--only", default="", metavar="WORD", help="only pages whose name holds this")
    parser.add_argument("--language", choices=list(LANGUAGES), action="append", help="only this one")
    asked = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with _app() as (app, url), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with app.app_context():
            showroom = Showroom()
            if asked.readme:
                _for_readme(browser, app, showroom, url)
            else:
                _all(browser, app, showroom, url, asked.only, asked.language or list(LANGUAGES))
        browser.close()
    return 0


@contextmanager
def _app() -> Iterator[tuple[Flask, str]]:
    """The app on a database of its own, over HTTP."""
    with tempfile.TemporaryDirectory(prefix="tokendesk-shots-") as folder, embedded_mongo.running(Path(folder)):
        app = create_app(config.Testing(MONGODB_URI=embedded_mongo.uri(Path(folder), "shots"), **SETTINGS))
        app.test_client_class = PageClient
        with app.app_context():
            db.prepare()
        with over_http(app) as url:
            yield app, url


def _all(browser: Browser, app: Flask, showroom: Showroom, url: str, only: str, languages: list[str]) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    wanted = [place for place in places(app, showroom) if only in str(place)]
    with click.progressbar(length=len(wanted) * len(languages), label="Pictures", file=sys.stderr) as bar:
        for language in languages:
            showroom.speak(language)
            with visitors(browser, app, showroom, url, language) as seen:
                for place in wanted:
                    _take(seen, place, language)
                    bar.update(1)
    (FOLDER / "index.html").write_text(_index())
    click.echo(f"{FOLDER / 'index.html'} shows {len(list(FOLDER.glob('*.png')))} pictures.")


def _take(seen: Visitors, place: Place, language: str) -> None:
    for size in SIZES:
        page = seen.open(place, size)
        for theme in THEMES:
            show(page, theme, size)
            name = f"{place} {language} {theme} {size['width']}".replace(" ", "-")
            page.screenshot(path=FOLDER / f"{name}.png", full_page=True)


def _index() -> str:
    """A page with all of them, those of one page in a row."""
    rows: dict[str, list[str]] = {}
    for file in sorted(FOLDER.glob("*.png")):
        rows.setdefault(file.stem.rsplit("-", 3)[0], []).append(file.name)
    return "".join(
        f"<h2>{html.escape(name)}</h2>"
        + "".join(
            f'<a href="{file}"><img src="{file}" loading="lazy" height="400" alt="{file}"></a> ' for file in files
        )
        for name, files in rows.items()
    )


# --- the README's -----------------------------------------------------------------------------------------------------


def _pictures(showroom: Showroom) -> list[Picture]:
    wide = {"width": 1280, "height": 960}
    return [
        Picture("chat", Place(USER, f"/chat/{showroom.named['conversation_id']}"), "light", wide),
        Picture("account", Place(USER, "/account"), "dark", wide),
        Picture("desk", Place(ADMIN, f"/admin/requests/{showroom.own.number}"), "light", wide),
        Picture("overview", Place(ADMIN, "/admin"), "light", wide),
    ]


def _for_readme(browser: Browser, app: Flask, showroom: Showroom, url: str) -> None:
    with visitors(browser, app, showroom, url) as seen:
        for picture in _pictures(showroom):
            page = seen.open(picture.place)
            show(page, picture.theme, picture.size)
            # WebP is a third of a PNG; only the protocol below Playwright makes it.
            taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": 80})
            file = README_FOLDER / f"{picture.name}.webp"
            file.write_bytes(base64.b64decode(taken["data"]))
            click.echo(f"{file} {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
