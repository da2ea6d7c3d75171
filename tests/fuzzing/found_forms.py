"""All forms that the pages of a world show, with what a browser would send of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import product
from typing import Any
from urllib.parse import urljoin, urlsplit

from flask import Flask

from app.extensions import limiter
from tests.guards.routes import Route, routes, url_of
from tests.page_client import PageClient

# What these pages are asked for; others show all that they have without.
QUERIES = {"requests.new": ("kind=quota", "kind=beta", "kind=listing")}


@dataclass(slots=True)
class FoundForm:
    """A form: where it leads, and the values that its fields have, several for what is chosen from."""

    url: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[FoundForm] = []
        self._page, self._select = page, ""
        self._form: FoundForm | None = None
        self._by_id: dict[str, FoundForm] = {}
        self._outside: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            url = urlsplit(urljoin(self._page, values.get("action", ""))).path
            self._form = FoundForm(url, values.get("method", "get").upper())
            self._by_id[values.get("id", "")] = self._form
            self.forms.append(self._form)
        elif tag == "select":
            self._select = values.get("name", "")
        elif tag == "textarea":
            self._take(values.get("form", ""), values.get("name", ""), "")
        elif tag in ("input", "button") and values.get("name"):
            self._take(values.get("form", ""), values["name"], values.get("value", ""))
        if values.get("formaction") and self._form is not None:
            url = urlsplit(urljoin(self._page, values["formaction"])).path
            self.forms.append(FoundForm(url, self._form.method, self._form.fields))
        elif tag == "option" and self._select:
            self._take("", self._select, values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def _take(self, form: str, name: str, value: str) -> None:
        if form:
            self._outside.append((form, name, value))
        elif self._form is not None:
            self._form.fields.setdefault(name, []).append(value)

    def close(self) -> None:
        """Gives fields that stand outside of their form to it."""
        super().close()
        for form, name, value in self._outside:
            if form in self._by_id:
                self._by_id[form].fields.setdefault(name, []).append(value)


def found_forms(
    app: Flask, clients: Mapping[str, PageClient], named: dict[str, Any], numbers: Iterable[int]
) -> dict[tuple[str, str], FoundForm]:
    """By endpoint and method: the form with the most fields, as whoever the page is for is shown it.

    `numbers` are those of requests and orders, whose pages show other forms in other states.
    """
    adapter = app.url_map.bind("localhost")
    found: dict[tuple[str, str], FoundForm] = {}
    for route in routes(app):
        if route.writes or route.is_api or route.is_static:
            continue
        urls = {url_of(app, route, named | {"number": number}) for number in numbers}
        for form in _shown(clients[whose(route)], sorted(urls), QUERIES.get(route.endpoint, ("",))):
            endpoint, _arguments = adapter.match(form.url, method=form.method)
            known = found.get((endpoint, form.method))
            if known is None or len(form.fields) > len(known.fields):
                found[endpoint, form.method] = form
    return found


def whose(route: Route) -> str:
    """Who is tried on it: who it is for."""
    if route.access is None or route.access.anonymous:
        return "nobody"
    return "an admin" if route.access.permissions or route.access.any_permission else "a user"


def _shown(client: PageClient, urls: Iterable[str], queries: Iterable[str]) -> Iterator[FoundForm]:
    for url, query in product(urls, queries):
        limiter.reset()
        response = client.get(url, query_string=query)
        if response.mimetype == "text/html" and response.status_code == 200:
            reader = _Reader(url)
            reader.feed(response.text)
            reader.close()
            yield from reader.forms
