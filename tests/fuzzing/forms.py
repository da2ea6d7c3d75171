"""Forms of the pages, filled in by Hypothesis as no browser would, and what must hold whatever was sent."""

import re
from collections import Counter
from typing import Any
from urllib.parse import quote_plus

from flask import Flask
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.factories import PASSWORD, sign_in
from tests.fuzzing.found_forms import FoundForm, found_forms, whose
from tests.fuzzing.kept_world import UNHURRIED, KeptWorld
from tests.guards.routes import Route, routes, url_of

# What a field may well hold, so that what is behind the first check is reached as well.
PLAUSIBLE = ["A talk.", "ann@example.com", "5", "1", "on", "https://example.com/", "+7 999 000-00-00", "free", PASSWORD]
MARKUP = "<script>alert(1)</script>"
HOSTILE = [
    *("", " ", "\0", "a\0b", "\ud800", "\u202egnp.exe", "\u200b", "e\u0301" * 200, "\U0001f642" * 2_000),
    *(MARKUP, f'"><{MARKUP}', "{{ 7 * 7 }}", "{% raw %}", "%s%n%(name)s", "\r\nSet-Cookie: a=b", "../../etc/passwd"),
    *('{"$ne": null}', "$where", "__raw__", "__proto__", "[]", "null", "true", "NaN", "1e999", "=cmd|'/C calc'!A0"),
    *("-1", "0", "1.5", "\u0663", "9" * 400, "9223372036854775808", "1_000", "0x10", "+5", " 5 ", "2026-02-30"),
    *("//evil.example", "https://evil.example/", "javascript:alert(1)", "http://127.0.0.1:27017/", "http://[::1"),
    *("a@b@c", "@", "x" * 20_000),
]
NAMES = ["email[$ne]", "__proto__", "csrf_token ", "is_admin", "permissions", "tier", "version", "key", "next", "\0"]
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=50) | st.integers().map(str)
INSIDE = re.compile(r"Traceback \(most recent|pymongo|mongoengine|/site-packages/|werkzeug")
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class FormFuzzer:
    """All routes that take forms, the forms that lead there, and who sends them."""

    def __init__(self, app: Flask, world: KeptWorld) -> None:
        """Opens every page in search of forms, and keeps the world as it is then."""
        self._app, self._world = app, world
        people = {"nobody": None, "a user": world.owner, "an admin": world.admin}
        clients = {who: app.test_client() for who in people}
        for who, user in people.items():
            if user is not None:
                sign_in(clients[who], user)
        found = found_forms(app, clients, world.named, world.numbers)
        self._tokens = {who: client._csrf_token() for who, client in clients.items()}
        self._cookies = {who: client.get_cookie("tokendesk").value for who, client in clients.items()}
        world.keep()
        self.routes = [one for one in routes(app) if not one.is_api and (one.writes or (one.endpoint, "GET") in found)]
        # A form that no page of this world shows is sent with some fields of all the others.
        names = sorted({name for form in found.values() for name in form.fields})
        self.not_shown = {one.endpoint for one in self.routes if (one.endpoint, one.method) not in found}
        self._forms = {
            str(one): found.get((one.endpoint, one.method))
            or FoundForm(url_of(app, one, world.named), one.method, {name: [] for name in names})
            for one in self.routes
        }

    def run(self, route: Route, cases: int, **options: Any) -> Counter[str]:
        """Sends the form so often; gives how many answers had each hundred of status. Raises where one is not as it must be."""
        seen: Counter[str] = Counter()
        form, who = self._forms[str(route)], whose(route)
        few = route.endpoint in self.not_shown

        @settings(max_examples=cases, phases=[Phase.generate], **UNHURRIED, **options)
        @given(
            sent=filled_in(form, few=few), content_type=st.sampled_from([URLENCODED, URLENCODED, URLENCODED, MULTIPART])
        )
        def test(sent: list[tuple[str, str]], content_type: str) -> None:
            self._world.put_back()
            response = self._send(form, who, sent, content_type)
            self._check(response, f"{route} {content_type}: {response.status_code}")
            seen[f"{response.status_code // 100}xx"] += 1

        test()
        return seen

    def _send(self, form: FoundForm, who: str, sent: list[tuple[str, str]], content_type: str) -> TestResponse:
        client: Any = self._app.test_client()
        client.set_cookie("tokendesk", self._cookies[who])
        if form.method == "GET":
            return client.get(form.url, query_string=_urlencoded(sent))
        sent = [("csrf_token", self._tokens[who]), *sent]
        if content_type == MULTIPART:
            content_type, data = f"{MULTIPART}; boundary=x", _multipart(sent)
        else:
            data = _urlencoded(sent).encode()
        return client.post(form.url, data=data, content_type=content_type, csrf=False)

    def _check(self, response: TestResponse, name: str) -> None:
        assert response.status_code < 500, name
        assert not INSIDE.search(response.text), name
        assert MARKUP not in response.text, name
        if response.status_code >= 400:
            stored = self._world.changed()
            assert not stored, f"{name}, and yet something is stored in {stored}"
        elif response.status_code >= 300:
            assert re.match(r"/(?![/\\])", response.location), f"{name} to {response.location}"


@st.composite
def filled_in(draw: st.DrawFn, form: FoundForm, *, few: bool) -> list[tuple[str, str]]:
    """Names with their values: some as the page has them, some wrong, some missing, some twice, some that nobody asked for."""
    names = [name for name in form.fields if name != "csrf_token"]
    if few and names:
        names = draw(st.lists(st.sampled_from(names), max_size=4, unique=True))
    sent = []
    for name in names:
        own = st.sampled_from(form.fields[name] or PLAUSIBLE)
        values = draw(
            st.lists(own, min_size=1, max_size=1)
            | st.lists(own | st.sampled_from(PLAUSIBLE), min_size=1, max_size=1)
            | st.lists(TEXTS, min_size=1, max_size=1)
            | st.lists(own | TEXTS, max_size=3)
        )
        sent += [(name, value) for value in values]
    return sent + draw(st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), max_size=1))


def _urlencoded(sent: list[tuple[str, str]]) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sent)


def _quoted(text: str) -> str:
    return quote_plus(text.encode("utf-8", "surrogatepass"))


def _multipart(sent: list[tuple[str, str]]) -> bytes:
    """Every third value as a file."""
    parts = []
    for place, (name, value) in enumerate(sent):
        filename = '; filename="../x.html"' if place % 3 == 2 else ""
        heading = f'--x\r\nContent-Disposition: form-data; name="{name.replace(chr(34), "%22")}"{filename}\r\n\r\n'
        parts.append(f"{heading}{value}\r\n")
    return ("".join(parts) + "--x--\r\n").encode("utf-8", "surrogatepass")
