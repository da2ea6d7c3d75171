"""The desk's pages that must not grow with the requests: their addresses, and how long each may take."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from app import db
from app.models.token_request import TokenRequest
from app.services import users

LIST, STATISTICS = 50, 100
DAYS = 30


@dataclass(frozen=True, slots=True)
class Places:
    """The numbers that the first, a middle and the last page continue after, and who submitted the middle one, and when."""

    newest: int
    middle: int
    last: int
    email: str
    submitted_at: datetime

    def desk(self, **choices: object) -> str:
        """The address of the desk's list; all statuses, where none is chosen."""
        return f"/admin/requests?{urlencode({'status': 'all', **choices})}"

    def days(self) -> dict[str, str]:
        """The days around the middle request."""
        span = timedelta(days=DAYS / 2)
        ends = {"from": self.submitted_at - span, "until": self.submitted_at + span}
        return {name: f"{day:%Y-%m-%d}" for name, day in ends.items()}


def places() -> Places:
    """Places in the list as it is now."""
    in_order = TokenRequest.objects.order_by("number").only("number", "user", "submitted_at")
    count = TokenRequest.objects.count()
    with db.slow():
        middle, last = in_order.skip(count // 2).first(), in_order.skip(min(50, count - 1)).first()
    newest = TokenRequest.objects.order_by("-number").only("number").first()
    email = users.get(middle.user).email
    return Places(newest.number, middle.number, last.number, str(email), middle.submitted_at)


# What it is called, its address, and milliseconds.
ROWS: list[tuple[str, Callable[[Places], str], float]] = [
    ("requests, first page", lambda at: at.desk(), LIST),
    ("requests, middle page", lambda at: at.desk(before=at.middle), LIST),
    ("requests, last page", lambda at: at.desk(before=at.last), LIST),
    ("requests, oldest first", lambda at: at.desk(order="oldest"), LIST),
    ("requests that wait", lambda at: at.desk(status="pending"), LIST),
    ("requests of a status, middle page", lambda at: at.desk(status="rejected", before=at.middle), LIST),
    ("requests of a kind, middle page", lambda at: at.desk(kind="quota", before=at.middle), LIST),
    ("requests of some days", lambda at: at.desk(**at.days()), LIST),
    ("requests of a user", lambda at: at.desk(user=at.email), LIST),
    (
        "requests by all filters",
        lambda at: at.desk(status="approved", kind="quota", user=at.email, **at.days()),
        LIST,
    ),
    ("requests of a blockchain, middle page", lambda at: at.desk(chain="ethereum", before=at.middle), LIST),
    ("requests, by a token", lambda at: at.desk(q="solar"), LIST),
    ("requests of a blockchain, by a token", lambda at: at.desk(chain="base", q="nova", before=at.middle), LIST),
    ("requests, by number", lambda at: at.desk(q=f"#{at.middle}"), LIST),
    ("requests, by an address", lambda at: at.desk(q=at.email), LIST),
    ("requests, statistics", lambda at: "/admin/requests/statistics", STATISTICS),
    ("requests, totals by the API", lambda at: "/api/admin/token-requests/stats", STATISTICS),
]
