"""Works out what all requests come to, which takes seconds where there are many: whoever shows it reads what is kept of it.

The median time to a decision comes from a histogram that the database makes, so that it costs the same memory at any number of
requests. Its classes are a 64th of a doubling wide: the median is off by at most 0.55 percent, and by half a second.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app

from app.models.blockchain import BLOCKCHAINS
from app.models.token_request import Status, TokenRequest
from app.services import desk, queue, request_kinds

DAYS = 30
RECENT = timedelta(days=DAYS)
TOP = 10
CLASSES_A_DOUBLING = 64

Document = dict[str, Any]


def figures(now: datetime) -> Document:
    """What all requests come to now; each part is of its own moment, seconds apart where there are many."""
    groups = list(TokenRequest._get_collection().aggregate(_by_decision(now - RECENT)))
    classes = _decision_times(now)
    statuses, granted = defaultdict[str, Counter[str]](Counter), Counter[str]()
    for group in groups:
        one = group["_id"]
        statuses[one["kind"]][one["status"]] += group["count"]
        if one["status"] == Status.APPROVED:
            granted[one["kind"]] += group["granted"]
    kinds = dict.fromkeys((*request_kinds.ON_APPROVAL, *sorted(statuses)))
    return {
        "kinds": [
            {
                "kind": kind,
                "statuses": {status.value: statuses[kind][status] for status in Status},
                "granted": granted[kind] if kind in request_kinds.GRANTS else None,
                "median_seconds": _median(classes[kind]),
            }
            for kind in kinds
        ],
        "median_seconds": _median(sum(classes.values(), Counter())),
        "days": _days(now),
        "blockchains": _blockchains(),
        "reviewers": _most_active(groups, "count"),
        "recent_reviewers": _most_active(groups, "recent"),
    }


def _by_decision(since: datetime) -> list[Document]:
    """One pass over all requests: there are as many groups as kinds, statuses and reviewers together make."""
    by = "$decision.by"
    return [
        {
            "$group": {
                "_id": {"kind": "$kind", "status": "$status", "by": {"kind": f"{by}.kind", "id": f"{by}.id"}},
                "count": {"$sum": 1},
                "recent": {"$sum": {"$cond": [{"$gte": ["$decision.at", since]}, 1, 0]}},
                "granted": {"$sum": "$decision.granted"},
                # The name that they decided under last.
                "named": {"$max": {"at": "$decision.at", "name": f"{by}.name"}},
            }
        }
    ]


def _decision_times(now: datetime) -> defaultdict[str, Counter[int]]:
    """For each kind, how many decisions took how long, by class: the index on decisions answers alone."""
    milliseconds = {"$max": [1, {"$subtract": ["$decision.at", "$submitted_at"]}]}
    class_ = {"$toInt": {"$floor": {"$multiply": [CLASSES_A_DOUBLING, {"$log": [milliseconds, 2]}]}}}
    decided = {
        "kind": {"$in": list(request_kinds.ON_APPROVAL)},
        "decision.at": {"$lte": now},
        "status": {"$in": [status.value for status in queue.DECIDED]},
    }
    counting = [
        {"$match": decided},
        {"$group": {"_id": {"kind": "$kind", "class": class_}, "count": {"$sum": 1}}},
    ]
    classes = defaultdict[str, Counter[int]](Counter)
    for row in TokenRequest._get_collection().aggregate(counting, hint=dict(queue.BY_DECISION)):
        classes[row["_id"]["kind"]][row["_id"]["class"]] += row["count"]
    return classes


def _median(classes: Counter[int]) -> int | None:
    """The median in seconds; of an even number, the mean of the two in the middle."""
    count = classes.total()
    if not count:
        return None
    return round((_at_place(classes, (count - 1) // 2) + _at_place(classes, count // 2)) / 2 / 1_000)


def _at_place(classes: Counter[int], place: int) -> float:
    """The middle of the class that has the value at `place` in order, in milliseconds."""
    in_order = sorted(classes)
    up_to = accumulate(classes[class_] for class_ in in_order)
    class_ = next(class_ for class_, count in zip(in_order, up_to, strict=True) if place < count)
    return float(2 ** ((class_ + 0.5) / CLASSES_A_DOUBLING))


def _days(now: datetime) -> list[Document]:
    zone = ZoneInfo(current_app.config["TIME_ZONE"])
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    day = {"$dateToString": {"date": "$submitted_at", "format": "%Y-%m-%d", "timezone": zone.key}}
    counting = [
        {"$match": {"submitted_at": {"$gte": datetime.combine(days[0], time.min, zone)}}},
        {"$group": {"_id": {"day": day, "kind": "$kind"}, "count": {"$sum": 1}}},
    ]
    counts = defaultdict[str, dict[str, int]](dict)
    for row in TokenRequest._get_collection().aggregate(counting, hint=dict(desk.BY_TIME)):
        counts[row["_id"]["day"]][row["_id"]["kind"]] = row["count"]
    return [{"day": one.isoformat(), "kinds": counts[one.isoformat()]} for one in days]


def _blockchains() -> list[Document]:
    """How many requests ask for a token of which blockchain, the most first: the index answers alone."""
    counting = [
        {"$match": {"blockchain": {"$in": list(BLOCKCHAINS)}}},
        {"$group": {"_id": {"blockchain": "$blockchain", "status": "$status"}, "count": {"$sum": 1}}},
    ]
    requests, approved = Counter[str](), Counter[str]()
    for row in TokenRequest._get_collection().aggregate(counting, hint=dict(desk.BY_CHAIN)):
        chain = row["_id"]["blockchain"]
        requests[chain] += row["count"]
        if row["_id"]["status"] == Status.APPROVED:
            approved[chain] += row["count"]
    most = sorted(requests, key=lambda chain: (-requests[chain], chain))
    return [{"blockchain": chain, "requests": requests[chain], "approved": approved[chain]} for chain in most]


def _most_active(groups: Iterable[Document], figure: str) -> list[Document]:
    decisions, named = Counter[tuple[str, str]](), dict[tuple[str, str], Document]()
    for group in groups:
        if by := group["_id"]["by"]:
            who = (by["kind"], by["id"])
            decisions[who] += group[figure]
            if who not in named or named[who]["at"] < group["named"]["at"]:
                named[who] = group["named"]
    most = sorted((who for who in decisions if decisions[who]), key=lambda who: (-decisions[who], who))[:TOP]
    return [
        {"by": {"kind": kind, "id": id_, "name": named[kind, id_]["name"]}, "decisions": decisions[kind, id_]}
        for kind, id_ in most
    ]
