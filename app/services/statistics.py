"""What all accounts come to. Only a look at every account knows it: the worker takes it now and then, pages read one document."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app

from app.models.token_account import TokenAccount
from app.models.user import User
from app.services import daily_figures, kept_figures, users

ACTIVE = timedelta(days=30)
TOP = 10
ACCOUNTS = "accounts"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TierFigures:
    """One tier: its users, also those without an account yet; lifetime tokens and calls; use of the current period's allowance.

    `average_percent` is over all users of the tier, `exceeded` how many have used all of an allowance.
    """

    name: str
    users: int
    tokens: int
    calls: int
    average_percent: float
    exceeded: int


@dataclass(frozen=True, slots=True)
class TopUser:
    """Somebody who has used much of the allowance in the current period; `calls` are that period's."""

    id: ObjectId
    name: str
    tier: str
    used: int
    calls: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All accounts as of `taken_at`; `active_users` spent something in the 30 days before."""

    taken_at: datetime
    active_users: int
    tiers: list[TierFigures]
    top: list[TopUser]

    @property
    def tokens(self) -> int:
        """Tokens ever used."""
        return sum(tier.tokens for tier in self.tiers)

    @property
    def calls(self) -> int:
        """Calls ever made."""
        return sum(tier.calls for tier in self.tiers)

    @property
    def average(self) -> int:
        """Tokens a call."""
        return round(self.tokens / self.calls) if self.calls else 0


def overview() -> Overview:
    """The figures as they were last taken; raises `FiguresNotTaken` before the first time: no page looks at every account."""
    found = kept_figures.taken(ACCOUNTS)
    people = users.by_ids(row["user"] for row in found["top"])
    return Overview(
        found["taken_at"],
        found["active_users"],
        [TierFigures(**tier) for tier in found["tiers"]],
        [
            TopUser(row["user"], people[row["user"]].display_name, row["tier"], row["used"], row["calls"])
            for row in found["top"]
            if row["user"] in people
        ],
    )


def keep_up() -> None:
    """The worker's part: counts what is new in the ledger, and takes the figures of all accounts when it is time."""
    daily_figures.fold()
    kept_figures.take_when_due(ACCOUNTS, _figures)


def rebuild(progress: Callable[[int], object] = lambda more: None) -> None:
    """Works out every figure anew, from the whole ledger; `progress` hears how many more accounts are counted."""
    daily_figures.rebuild(progress)
    take()


def take() -> None:
    """Takes the figures of all accounts, as they are now, and keeps them."""
    kept_figures.take(ACCOUNTS, _figures)


def _figures(now: datetime) -> Document:
    """What all accounts come to now."""
    groups = list(TokenAccount._get_collection().aggregate(_by_tier_and_limit(now)))
    return {
        "active_users": sum(group["active"] for group in groups),
        "tiers": _tiers(groups),
        "top": sorted((row for group in groups for row in group["top"] if row["used"]), key=_most_used_first)[:TOP],
    }


def _by_tier_and_limit(now: datetime) -> list[Document]:
    """One pass over all accounts: all sums are whole numbers, since accounts that share a limit can share a division."""
    period = {"$multiply": ["$period_seconds", 1_000]}
    lapsed = {"$and": [{"$gt": [period, 0]}, {"$gte": [{"$subtract": [now, "$period_start"]}, period]}]}
    row = {"user": "$_id", "tier": "$tier", "used": "$used", "calls": "$calls"}
    return [
        {
            "$project": {
                **dict.fromkeys(("tier", "limit", "lifetime_tokens", "lifetime_calls", "last_spend_at"), 1),
                "used": {"$cond": [lapsed, 0, "$used"]},
                "calls": {"$cond": [lapsed, 0, "$period_calls"]},
            }
        },
        {
            "$group": {
                "_id": {"tier": "$tier", "limit": "$limit"},
                "accounts": {"$sum": 1},
                "tokens": {"$sum": "$lifetime_tokens"},
                "calls": {"$sum": "$lifetime_calls"},
                "used": {"$sum": {"$min": ["$used", "$limit"]}},
                "exceeded": {"$sum": {"$cond": [{"$gte": ["$used", "$limit"]}, 1, 0]}},
                "active": {"$sum": {"$cond": [{"$gte": ["$last_spend_at", now - ACTIVE]}, 1, 0]}},
                "top": {"$topN": {"n": TOP, "sortBy": {"used": -1, "_id": 1}, "output": row}},
            }
        },
    ]


def _tiers(groups: Iterable[Document]) -> list[Document]:
    """A row for each tier of the settings, in their order, and for each that somebody still has."""
    members = {row["_id"]: row["users"] for row in User._get_collection().aggregate([_USERS_BY_TIER])}
    by_tier = defaultdict[str, list[Document]](list)
    for group in groups:
        by_tier[group["_id"]["tier"]].append(group)
    names = dict.fromkeys((*current_app.config["TIERS"], *sorted(members), *sorted(by_tier)))
    return [_tier(name, members.get(name, 0), by_tier[name]) for name in names]


_USERS_BY_TIER = {"$group": {"_id": "$tier", "users": {"$sum": 1}}}


def _tier(name: str, members: int, groups: list[Document]) -> Document:
    with_allowance = [group for group in groups if group["_id"]["limit"]]
    percents = sum(100 * group["used"] / group["_id"]["limit"] for group in with_allowance)
    # An account may be a moment behind its user's change of tier.
    people = max(members, sum(group["accounts"] for group in groups))
    return {
        "name": name,
        "users": members,
        "tokens": sum(group["tokens"] for group in groups),
        "calls": sum(group["calls"] for group in groups),
        "average_percent": round(percents / people, 1) if people else 0.0,
        "exceeded": sum(group["exceeded"] for group in with_allowance),
    }


def _most_used_first(row: Document) -> tuple[int, ObjectId]:
    return -row["used"], row["user"]
