"""What all requests come to, by kind and in all: the worker takes it now and then, pages read one document."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bson import ObjectId

from app.models.token_request import Status
from app.services import desk, kept_figures, request_figures, request_kinds, users

REQUESTS = "requests"
# The statuses of requests on which somebody has decided.
DECIDED = (Status.APPROVED, Status.REJECTED, Status.SPAM, Status.REVOKED)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KindFigures:
    """The requests of one kind, or of all where `kind` is None; `granted` is None where approvals grant no chosen number.

    `median_seconds`, from submission to decision, is None where nothing was decided.
    """

    kind: str | None
    statuses: Mapping[str, int]
    granted: int | None
    median_seconds: int | None

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.statuses.values())

    @property
    def approval_percent(self) -> float | None:
        """How many of those decided stand approved; None where nothing was decided."""
        decided = sum(self.statuses[status] for status in DECIDED)
        return 100 * self.statuses[Status.APPROVED] / decided if decided else None


@dataclass(frozen=True, slots=True)
class Day:
    """How many requests of each kind were submitted on one day of the app's time zone."""

    date: date
    kinds: Mapping[str, int]

    @property
    def total(self) -> int:
        """Of all kinds."""
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Whose decisions stand: a user, an API key or an operator."""

    name: str
    decisions: int


@dataclass(frozen=True, slots=True)
class ChainFigures:
    """How many requests ask for a token of a blockchain, and how many of these stand approved."""

    blockchain: str
    requests: int
    approved: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All requests as of `taken_at`; the days end with that day, `recent_reviewers` decided in the 30 days before.

    `blockchains` begin with the one most asked for.
    """

    taken_at: datetime
    kinds: list[KindFigures]
    every: KindFigures
    days: list[Day]
    blockchains: list[ChainFigures]
    recent_reviewers: list[Reviewer]
    reviewers: list[Reviewer]


def overview() -> Overview:
    """The figures as they were last taken; raises `FiguresNotTaken` before the first time."""
    found = kept_figures.taken(REQUESTS)
    kinds = [_kind_figures(row) for row in found["kinds"]]
    every = KindFigures(
        None,
        {status.value: sum(one.statuses[status] for one in kinds) for status in Status},
        sum(one.granted or 0 for one in kinds) if request_kinds.GRANTS else None,
        found["median_seconds"],
    )
    days = [
        Day(date.fromisoformat(row["day"]), {one.kind: row["kinds"].get(one.kind, 0) for one in kinds if one.kind})
        for row in found["days"]
    ]
    names = _names(found)
    recent, ever = ([_reviewer(row, names) for row in found[rows]] for rows in ("recent_reviewers", "reviewers"))
    # Figures that an earlier version took know none.
    chains = [ChainFigures(**row) for row in found.get("blockchains", ())]
    return Overview(found["taken_at"], kinds, every, days, chains, recent, ever)


def total_of(filters: desk.Filters) -> int | None:
    """How many such requests there were; None where that was never taken, and for lists by more than kind and status."""
    if filters != desk.Filters(kinds=filters.kinds, statuses=filters.statuses):
        return None
    found = kept_figures.kept(REQUESTS)
    return None if found is None else _sum(found, filters.kinds, filters.statuses)


def totals(kind: str) -> Counter[str]:
    """How many requests of a kind stand where, also for one who has just decided some; a status that none has counts 0.

    Each status is counted now, unless it had `desk.MOST_COUNTED` when the figures were last taken: then those stand.
    """
    found = kept_figures.kept(REQUESTS) or {"kinds": []}
    kept = {status: _sum(found, [kind], [status]) for status in Status}
    return Counter(
        {
            status.value: desk.count(desk.Filters(kinds=[kind], statuses=[status]))
            if many < desk.MOST_COUNTED
            else many
            for status, many in kept.items()
        }
    )


def keep_up() -> None:
    """The worker's part: takes the figures when it is time."""
    kept_figures.take_when_due(REQUESTS, request_figures.figures)


def take() -> None:
    """Takes the figures as they are now, and keeps them."""
    kept_figures.take(REQUESTS, request_figures.figures)


def _sum(found: Document, kinds: Sequence[str], statuses: Sequence[str]) -> int:
    wanted = [row["statuses"] for row in found["kinds"] if not kinds or row["kind"] in kinds]
    return sum(row.get(str(status), 0) for row in wanted for status in statuses or Status)


def _kind_figures(row: Document) -> KindFigures:
    statuses = {status.value: row["statuses"].get(status, 0) for status in Status}
    return KindFigures(row["kind"], statuses, row["granted"], row["median_seconds"])


def _names(found: Document) -> dict[str, str]:
    """What the users among the reviewers are called now, by id."""
    rows = (*found["recent_reviewers"], *found["reviewers"])
    ids = {ObjectId(row["by"]["id"]) for row in rows if row["by"]["kind"] == "user"}
    return {str(user_id): user.display_name for user_id, user in users.by_ids(ids).items()}


def _reviewer(row: Document, names: Mapping[str, str]) -> Reviewer:
    by = row["by"]
    name = names.get(by["id"], by["name"]) if by["kind"] == "user" else by["name"]
    return Reviewer(name, row["decisions"])
