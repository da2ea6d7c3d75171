"""People at work over HTTP while processes are killed: they chat, ask for tokens and decide, and keep what they were told."""

import random
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx2
from bson import ObjectId
from flask import Flask

from app.access import SESSION_KEY
from app.models.user import User
from app.services import login_sessions
from tests.faults.tally import DONE

# How long one page may take, and how long somebody goes on trying.
PAGE_SECONDS, PATIENCE = 20, 60
MOST_OF_EACH = 3_000
FIELD = re.compile(r'<input[^>]*\bname="(\w+)"[^>]*\bvalue="([^"]*)"')


@dataclass(slots=True)
class Said:
    """A message that was sent until it was answered, `tries` times; `answer` is the id of its answer."""

    user: ObjectId
    key: str
    text: str
    status: int | None = None
    tries: int = 0
    answer: str = ""
    # What the page then showed: whether the answer was finished, and what it cost.
    finished: bool = False
    cost: int | None = None


@dataclass(slots=True)
class Asked:
    """A quota request that was sent once; `status` is None where nobody knows what became of it."""

    user: ObjectId
    reason: str
    status: int | None = None
    number: int | None = None


@dataclass(slots=True)
class Decided:
    """A decision that was sent until it was answered."""

    number: int
    by: ObjectId
    verdict: str
    response: str
    status: int | None = None


@dataclass(slots=True)
class Heard:
    """Everything that people tried, with what they were told of it; broken connections, and answers of 500 and above."""

    said: list[Said] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)


class Browser:
    """A signed-in person's browser, and the patience of that person."""

    def __init__(self, url: str, user: User, cookie: tuple[str, str], heard: Heard) -> None:
        """`cookie` is the name and the value of a session cookie."""
        self.user, self.heard = user, heard
        self._client = httpx2.Client(base_url=url, timeout=PAGE_SECONDS, trust_env=False)
        self._client.cookies.set(*cookie, domain="127.0.0.1", path="/")

    def get(self, path: str) -> str:
        """The page, however often it takes."""
        return self._until_answered(lambda: self.once("GET", path))[0].text

    def post(self, path: str, form: dict[str, str]) -> tuple[httpx2.Response, int]:
        """The answer to the form, which is sent unchanged until there is one, and how often it was sent."""
        return self._until_answered(lambda: self.once("POST", path, form))

    def once(self, method: str, path: str, form: dict[str, str] | None = None) -> httpx2.Response | None:
        """The answer, or None where nobody knows what became of it: the connection broke, or the server says so."""
        try:
            response = self._client.request(method, path, data=form)
        except httpx2.TransportError as error:
            self.heard.broken.append(repr(error))
            return None
        if response.status_code >= 500:
            self.heard.failures.append((response.status_code, f"{method} {path}"))
            return None
        return response

    def close(self) -> None:
        """Forgets its connections."""
        self._client.close()

    def _until_answered(self, send: Callable[[], httpx2.Response | None]) -> tuple[httpx2.Response, int]:
        deadline, tries = time.monotonic() + PATIENCE, 0
        while time.monotonic() < deadline:
            response, tries = send(), tries + 1
            if response is not None:
                return response, tries
            time.sleep(0.1)
        raise TimeoutError(f"{self.user.email} has tried for {PATIENCE} s")


class Load:
    """Who is at work, each in a thread, until `stop`."""

    def __init__(self, url: str, app: Flask, seed: int) -> None:
        """Nobody yet."""
        self.heard = Heard()
        self._url, self._app, self._seed = url, app, seed
        self._asked_to_stop = threading.Event()
        self._pool = ThreadPoolExecutor(32)
        self._running: list[Future[None]] = []

    def add(self, work: Callable[["Load", Browser, random.Random], None], user: User) -> None:
        """Puts `user` to work in a browser with a session of its own."""
        cookie = _session_cookie(self._app, user)
        draw = random.Random(f"{self._seed} {work.__name__} {user.email}")  # noqa: S311 - repeatable, no secret.
        browser = Browser(self._url, user, cookie, self.heard)
        self._running.append(self._pool.submit(self._run, work, browser, draw))

    def stop(self) -> None:
        """Lets everybody finish what they have begun; raises what somebody failed of."""
        self._asked_to_stop.set()
        self._pool.shutdown()
        for one in self._running:
            one.result()

    def goes_on(self, done: int, pause: float) -> bool:
        """Whether to go on, after a pause in seconds; nobody does for ever."""
        return not self._asked_to_stop.wait(pause) and done < MOST_OF_EACH

    def _run(
        self, work: Callable[["Load", Browser, random.Random], None], browser: Browser, draw: random.Random
    ) -> None:
        try:
            work(self, browser, draw)
        finally:
            browser.close()


def _session_cookie(app: Flask, user: User) -> tuple[str, str]:
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    return app.config["SESSION_COOKIE_NAME"], serializer.dumps({SESSION_KEY: login_sessions.start(user)})


# --- what people do ---------------------------------------------------------------------------------------------------


def chat(load: Load, browser: Browser, draw: random.Random) -> None:
    """Says something again and again, in conversations of a few messages, and reads each answer."""
    path, page, number = "/chat", browser.get("/chat"), 0
    while load.goes_on(number, draw.uniform(0, 0.3)):
        form, number = dict(FIELD.findall(page)), number + 1
        if "key" not in form:
            # Out of tokens, until somebody approves a request.
            path, page = "/chat", browser.get("/chat")
            continue
        said = Said(browser.user.id, form["key"], f"Hello for the {number}th time")
        load.heard.said.append(said)
        response, said.tries = browser.post(path, {**form, "text": said.text})
        said.status = response.status_code
        path = "/chat"
        if said.status == DONE:
            path, _, said.answer = response.headers["Location"].partition("#message-")
            page = browser.get(path)
            _look(page, said)
        if path == "/chat" or draw.random() < 0.3:
            path, page = "/chat", browser.get("/chat")


def _look(page: str, said: Said) -> None:
    """What the page says of the answer."""
    item = page.partition(f'id="message-{said.answer}"')[2].partition("</li>")[0]
    said.finished = bool(item) and "data-unfinished" not in item.partition(">")[0]
    cost = re.search(r"([\d,]+) tokens?\s*</p>", item)
    said.cost = int(cost[1].replace(",", "")) if cost else None


def ask(load: Load, browser: Browser, draw: random.Random) -> None:
    """Asks for tokens; a request that the connection swallowed is not repeated but followed by another one."""
    number = 0
    while load.goes_on(number, draw.uniform(1, 4)):
        form, number = dict(FIELD.findall(browser.get("/requests/new?kind=quota"))), number + 1
        asked = Asked(browser.user.id, f"{browser.user.email} asks for the {number}th time")
        load.heard.asked.append(asked)
        data = {"csrf_token": form["csrf_token"], "reason": asked.reason}
        response = browser.once("POST", "/requests/new?kind=quota", data)
        if response is None:
            continue
        asked.status = response.status_code
        if asked.status == DONE:
            asked.number = int(response.headers["Location"].rpartition("/")[2])


def review(load: Load, browser: Browser, draw: random.Random) -> None:
    """Approves or rejects what is pending, as it comes."""
    number = 0
    while load.goes_on(number, draw.uniform(0, 0.4)):
        numbers = re.findall(r'href="/admin/requests/(\d+)"', browser.get("/admin/requests"))
        if not numbers:
            continue
        path, number = f"/admin/requests/{draw.choice(numbers)}", number + 1
        form = dict(FIELD.findall(browser.get(path)))
        if "version" not in form:
            # Somebody was quicker.
            continue
        verdict = draw.choice(["approve", "reject"])
        response = f"{browser.user.email} decides for the {number}th time"
        decided = Decided(int(path.rpartition("/")[2]), browser.user.id, verdict, response)
        load.heard.decided.append(decided)
        data = {"csrf_token": form["csrf_token"], "version": form["version"], "response": response}
        decided.status = browser.post(f"{path}/{verdict}", data)[0].status_code
