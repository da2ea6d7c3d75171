"""How pages and figures grow with the data: the same work at ten thousand, a hundred thousand and a million accounts."""

import http
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from mongoengine import connect, disconnect
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

import config
from app import create_app, db, embedded_mongo
from app.access import SESSION_KEY
from app.models.actor import Actor
from app.models.token_request import TokenRequest
from app.models.user import User
from app.services import assistants, demo_crowd, login_sessions, request_statistics, users
from app.services import statistics as app_statistics
from benchmarks import request_pages
from benchmarks.request_pages import Places
from benchmarks.rows import aligned

SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (60, 80, 100)
ROUNDS, QUICK_ROUNDS = 40, 2
MOST_GROWTH = 1.5
MOST_ROUND_TRIPS = 6
BY = Actor("cli", "bench", "Benchmark")


class RoundTrips(CommandListener):
    """How often each thread has asked the database."""

    def __init__(self) -> None:
        self._counts = threading.local()

    @property
    def count(self) -> int:
        """Of the thread that asks."""
        return getattr(self._counts, "value", 0)

    def started(self, event: CommandStartedEvent) -> None:
        """Counts one."""
        self._counts.value = self.count + 1

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Is a round trip that was counted."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Is a round trip that was counted."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The app over a crowd of some size, seen by an admin and by an ordinary user, and places in the lists."""

    admin: FlaskClient
    user: FlaskClient
    middle_user: ObjectId
    last_user: ObjectId
    some_user: User
    requests: Places


Work = Callable[[Scene], object]


@dataclass(frozen=True, slots=True)
class Case:
    """Some work, how long it may take, how much longer with a hundred times the data, and how often it may ask."""

    name: str
    work: Work
    milliseconds: float
    growth: float | None = MOST_GROWTH
    round_trips: int | None = None


@dataclass(slots=True)
class Row:
    """One line of the table: the median at each size."""

    case: Case
    medians: list[float] = field(default_factory=list)
    round_trips: int = 0

    @property
    def growth(self) -> float:
        """The largest size's median as a multiple of the smallest size's."""
        return self.medians[-1] / self.medians[0]

    @property
    def reached(self) -> bool:
        """Whether all bounds hold."""
        case = self.case
        grows = case.growth is not None and self.growth > case.growth
        asks = case.round_trips is not None and self.round_trips > case.round_trips
        return max(self.medians) < case.milliseconds and not grows and not asks

    def cells(self) -> Iterator[str]:
        """The row as text, in the order of `headings`."""
        yield self.case.name
        yield from (f"{median:.1f}" for median in self.medians)
        yield f"{self.growth:.2f}"
        yield str(self.round_trips)
        bounds = [f"< {self.case.milliseconds:.0f} ms"]
        bounds += [f"<= {self.case.growth} x"] if self.case.growth else []
        bounds += [f"<= {self.case.round_trips} trips"] if self.case.round_trips else []
        yield ", ".join(bounds)
        yield "yes" if self.reached else "no"


def table(rows: list[Row], sizes: tuple[int, ...]) -> str:
    """All rows under their headings."""
    at_sizes = [f"ms at {size:,}" for size in sizes]
    return aligned([["work", *at_sizes, "growth", "trips", "wanted", "reached"], *(list(row.cells()) for row in rows)])


# --- the cases --------------------------------------------------------------------------------------------------------


def _by_admin(path: str | Callable[[Scene], str]) -> Work:
    """An admin opens a page."""
    return lambda scene: _open(scene.admin, path if isinstance(path, str) else path(scene))


def _by_user(path: str) -> Work:
    """An ordinary user opens a page."""
    return lambda scene: _open(scene.user, path)


def _open(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != http.HTTPStatus.OK:
        raise AssertionError(f"{path}: {answer.status}")


def _in_requests(address: Callable[[Places], str]) -> Work:
    """An admin opens a page of the desk."""
    return lambda scene: _open(scene.admin, address(scene.requests))


def _begin_export(scene: Scene) -> None:
    """An admin's program reads the beginning of all requests."""
    answer = scene.admin.get("/admin/requests.jsonl?status=all", buffered=False)
    if not next(answer.iter_encoded()):
        raise AssertionError("nothing is exported")
    answer.close()


def _list(name: str, path: str | Callable[[Scene], str]) -> Case:
    return Case(name, _by_admin(path), milliseconds=50)


def _users_page(name: str, path: str) -> Case:
    return Case(name, _by_user(path), milliseconds=20, growth=None, round_trips=MOST_ROUND_TRIPS)


CASES = [
    Case("statistics, by the API", _by_admin("/api/admin/gallery-users/quota-statistics"), milliseconds=100),
    Case("overview page", _by_admin("/admin"), milliseconds=100),
    _list("users, first page", "/admin/users"),
    _list("users, middle page", lambda scene: f"/admin/users?before={scene.middle_user}"),
    _list("users, last page", lambda scene: f"/admin/users?before={scene.last_user}"),
    _list("users of a tier", "/admin/users?tier=pro"),
    _list("users out of tokens", "/admin/users?out=1"),
    _list("users by all filters", lambda scene: f"/admin/users?tier=pro&active=0&out=0&before={scene.middle_user}"),
    _list("users, a common name", "/admin/users?q=mar"),
    _list("users, an address", lambda scene: f"/admin/users?q={quote(scene.some_user.email)}"),
    _list("users, nobody", "/admin/users?q=nobodyiscalledthis"),
    Case("a user, for an admin", _by_admin(lambda scene: f"/admin/users/{scene.some_user.id}"), milliseconds=50),
    *(Case(name, _in_requests(address), milliseconds) for name, address, milliseconds in request_pages.ROWS),
    Case("requests, beginning of the export", _begin_export, milliseconds=100),
    _users_page("account page", "/account"),
    _users_page("chat page", "/chat"),
]


# --- measuring --------------------------------------------------------------------------------------------------------


def rows(*, largest: int, quick: bool, progress: Callable[[], object]) -> tuple[list[Row], tuple[int, ...]]:
    """The rows and the sizes, on a MongoDB of their own; `progress` is called when a size is done."""
    sizes = QUICK_SIZES if quick else tuple(size for size in SIZES if size <= largest)
    made = [Row(case) for case in CASES]
    with tempfile.TemporaryDirectory(prefix="tokendesk-bench-") as name:
        folder = Path(name)
        with embedded_mongo.running(folder, cache_gb=1):
            app = create_app(config.Testing(MONGODB_URI=embedded_mongo.uri(folder, "bench"), REQUESTS_A_MINUTE=10**9))
            heard = RoundTrips()
            disconnect()
            connect(host=app.config["MONGODB_URI"], **db.CLIENT_OPTIONS, event_listeners=[heard])
            for before, size in zip((0, *sizes), sizes, strict=False):
                with app.app_context():
                    _grow(size - before)
                    scene = _scene(app)
                _measure(made, scene, heard, QUICK_ROUNDS if quick else ROUNDS)
                progress()
    return made, sizes


def _grow(more: int) -> None:
    """So many people and requests more, and all of them counted."""
    db.prepare()
    assistants.ensure_default()
    crowd = demo_crowd.begin(users=more, requests=more, by=BY)
    for _made in demo_crowd.make(crowd):
        pass
    app_statistics.rebuild()
    request_statistics.take()


def _scene(app: Flask) -> Scene:
    admin = users.by_email("bench@example.com") or users.create(
        "bench@example.com", password=None, roles=["admin"], by=BY
    )
    count = User.objects.count()
    in_order = User.objects.order_by("id").only("id", "email")
    with db.slow():
        middle, last = in_order.skip(count // 2).first(), in_order.skip(min(50, count - 1)).first()
    # The first request is the same at all sizes, and so is its user, who has an account with some history.
    asker = users.get(TokenRequest.objects.order_by("number").first().user)
    return Scene(_client(app, admin), _client(app, asker), middle.id, last.id, middle, request_pages.places())


def _client(app: Flask, user: User) -> FlaskClient:
    """A browser with a real session."""
    client = app.test_client()
    token = login_sessions.start(user)
    with client.session_transaction() as session:
        session[SESSION_KEY] = token
    return client


def _measure(rows: list[Row], scene: Scene, heard: RoundTrips, rounds: int) -> None:
    """Adds the median of each row; the rows take turns, so that whatever slows the machine down slows down all."""
    times: dict[str, list[float]] = {row.case.name: [] for row in rows}
    # The median here too: once a minute a page also notes that its user was seen.
    asked: dict[str, list[int]] = {row.case.name: [] for row in rows}
    for round_ in range(rounds + 1):
        for row in rows:
            before, began = heard.count, time.perf_counter()
            row.case.work(scene)
            if round_:  # The first one warms up.
                times[row.case.name].append(time.perf_counter() - began)
                asked[row.case.name].append(heard.count - before)
    for row in rows:
        row.medians.append(1_000 * statistics.median(times[row.case.name]))
        row.round_trips = max(row.round_trips, statistics.median_high(asked[row.case.name]))
