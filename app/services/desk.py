"""What the desk lists: requests by any combination of filters, in pages that cost the same wherever they are."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING

from app.models.token_request import Status, TokenRequest
from app.services import request_kinds

# Totals are counted up to here; beyond it the desk says "10,000+".
MOST_COUNTED = 10_001
# The index that serves a list, whatever else is asked of it; the planner would try others on what it happens to meet first.
BY_NUMBER = [("number", ASCENDING)]
BY_USER = [
    ("user", ASCENDING),
    ("number", DESCENDING),
    *((name, ASCENDING) for name in ("status", "kind", "submitted_at")),
]
BY_USER_AND_STATUS = [
    *((name, ASCENDING) for name in ("user", "status", "kind")),
    *(("number", DESCENDING), ("submitted_at", ASCENDING)),
]
BY_STATUS = [("status", ASCENDING), ("kind", ASCENDING), ("number", DESCENDING), ("submitted_at", ASCENDING)]
BY_TIME = [("submitted_at", ASCENDING), ("number", ASCENDING)]
# Of crypto tokens.
_IN_ORDER = [("status", ASCENDING), ("number", DESCENDING), ("submitted_at", ASCENDING)]
BY_CHAIN = [("blockchain", ASCENDING), *_IN_ORDER]
BY_WORD = [("search", ASCENDING), *_IN_ORDER]
BY_WORD_AND_CHAIN = [("search", ASCENDING), ("blockchain", ASCENDING), *_IN_ORDER]
BY_USER_AND_CHAIN = [("user", ASCENDING), ("blockchain", ASCENDING), ("number", DESCENDING), ("status", ASCENDING)]
BY_USER_AND_WORD = [
    *(("user", ASCENDING), ("search", ASCENDING), ("number", DESCENDING)),
    *(("status", ASCENDING), ("blockchain", ASCENDING)),
]
# As many stretches of an index the database reads side by side, to give them in one order; of more it would sort all.
MOST_STRETCHES = 200
# Numbers are drawn a moment after the time of submission is taken, so neighbours in time may have changed places.
NEIGHBOURS = 50


@dataclass(frozen=True, slots=True)
class Filters:
    """Which requests, all conditions together; no `users` at all are nobody's, dates are half-open `[since, until)`.

    `blockchains` and `terms` are of crypto tokens; of `terms`, words as they are stored, one will do, and no terms at all are no
    token's. What fits with `or_terms` in the place of `users` is listed as well.
    """

    kinds: Sequence[str] = ()
    statuses: Sequence[Status] = ()
    users: Sequence[ObjectId] | None = None
    number: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    blockchains: Sequence[str] = ()
    terms: Sequence[str] | None = None
    or_terms: Sequence[str] | None = None

    @property
    def is_of_tokens(self) -> bool:
        """Whether only requests for crypto tokens fit."""
        return bool(self.blockchains) or self.terms is not None

    @property
    def alternatives(self) -> "list[Filters]":
        """The same as filters without `or_terms`, of which one will do."""
        first = replace(self, or_terms=None)
        return [first] if self.or_terms is None else [first, replace(first, users=None, terms=self.or_terms)]


def page(
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    oldest_first: bool = False,
    limit: int = 50,
) -> list[TokenRequest]:
    """Up to `limit` requests in the order of numbers, from the one beyond `before` (newest first) or `after` (oldest first)."""
    found = documents(filters, before=before, after=after, oldest_first=oldest_first, limit=limit)
    return [TokenRequest._from_son(one) for one in found]


def documents(
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    oldest_first: bool = False,
    limit: int = 50,
    fields: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """The same as they are stored, or just these `fields` of them, `number` included, for whoever needs many."""
    bounds = [{"number": {"$lt": before}}] if before is not None else []
    bounds += [{"number": {"$gt": after}}] if after is not None else []
    lists = [_listed(one, bounds, fields, oldest_first, limit) for one in filters.alternatives]
    # What fits more than one of them is in each list, and side by side once they are merged.
    number = itemgetter("number")
    merged = heapq.merge(*lists, key=number, reverse=not oldest_first)
    return list(islice((next(same) for _number, same in groupby(merged, key=number)), limit))


def count(filters: Filters) -> int:
    """How many there are; counting stops at `MOST_COUNTED`."""
    counts = [_count(one) for one in filters.alternatives]
    if MOST_COUNTED in counts or not all(counts) or len(counts) == 1:
        return max(counts)
    in_both = _count(replace(filters, terms=filters.or_terms, or_terms=None))
    return min(MOST_COUNTED, sum(counts) - in_both)


def _listed(
    filters: Filters,
    bounds: Sequence[Mapping[str, Any]],
    fields: Sequence[str] | None,
    oldest_first: bool,
    limit: int,
) -> list[dict[str, Any]]:
    query = _query(filters)
    if query is None:
        return []
    found = TokenRequest._get_collection().find({"$and": [query, *bounds]} if bounds else query, fields)
    order = ASCENDING if oldest_first else DESCENDING
    return list(found.sort("number", order).hint(_index(filters)).limit(limit))


def _count(filters: Filters) -> int:
    query = _query(filters)
    if query is None:
        return 0
    index = _index(filters)
    if index == BY_NUMBER and (filters.since or filters.until):
        # Nothing is sorted here, and this index knows the times by itself.
        index = BY_TIME
    return int(TokenRequest._get_collection().count_documents(query, limit=MOST_COUNTED, hint=index))


def pending_count() -> int:
    """How many wait for a decision; counting stops at `MOST_COUNTED`."""
    return count(Filters(statuses=[Status.PENDING]))


def oldest_pending() -> TokenRequest | None:
    """The request that has waited longest for a decision."""
    return next(iter(page(Filters(statuses=[Status.PENDING]), oldest_first=True, limit=1)), None)


def _index(filters: Filters) -> list[tuple[str, int]]:
    if filters.number is not None:
        return BY_NUMBER
    if filters.is_of_tokens:
        return _index_of_tokens(filters)
    narrowed = filters.kinds or filters.statuses
    if filters.users is None:
        return BY_STATUS if narrowed else BY_NUMBER
    stretches = len(filters.users) * len(filters.statuses or Status) * len(filters.kinds or request_kinds.ON_APPROVAL)
    return BY_USER_AND_STATUS if narrowed and stretches <= MOST_STRETCHES else BY_USER


def _index_of_tokens(filters: Filters) -> list[tuple[str, int]]:
    if filters.terms is None:
        return BY_CHAIN if filters.users is None else BY_USER_AND_CHAIN
    if filters.users is not None:
        return BY_USER_AND_WORD
    stretches = len(filters.terms) * len(filters.blockchains) * len(filters.statuses or Status)
    return BY_WORD_AND_CHAIN if 0 < stretches <= MOST_STRETCHES else BY_WORD


def _query(filters: Filters) -> dict[str, Any] | None:
    """The condition in the database; None where nothing can match."""
    query: dict[str, Any] = {}
    if filters.users is not None and not filters.users:
        return None
    if filters.is_of_tokens and not _may_be_of_tokens(filters):
        return None
    if filters.number is not None:
        query["number"] = filters.number
    if filters.users is not None:
        query["user"] = {"$in": list(filters.users)}
    if filters.blockchains:
        query["blockchain"] = {"$in": list(filters.blockchains)}
    if filters.terms is not None:
        query["search"] = {"$in": list(filters.terms)}
    if filters.kinds or filters.statuses or filters.is_of_tokens:
        # Always both, or the status where the kind is clear: an index on them gives any combination in the order of numbers.
        query["status"] = {"$in": [str(one) for one in filters.statuses or Status]}
    if "status" in query and not (filters.is_of_tokens and _of_every_token_kind(filters)):
        query["kind"] = {"$in": list(filters.kinds or request_kinds.ON_APPROVAL)}
    if filters.since or filters.until:
        numbers = _numbers_between(filters.since, filters.until)
        if numbers is None:
            return None
        query |= numbers
    return query


def _may_be_of_tokens(filters: Filters) -> bool:
    wanted = request_kinds.ABOUT_TOKENS.intersection(filters.kinds or request_kinds.ABOUT_TOKENS)
    return bool(wanted) and filters.terms != []


def _of_every_token_kind(filters: Filters) -> bool:
    return not filters.kinds or request_kinds.ABOUT_TOKENS.issubset(filters.kinds)


def _numbers_between(since: datetime | None, until: datetime | None) -> dict[str, Any] | None:
    """A time range as the range of numbers that it had, so that the order of lists serves it too."""
    range_: dict[str, Any] = {**({"$gte": since} if since else {}), **({"$lt": until} if until else {})}
    within = {"submitted_at": range_}
    first = _numbers(within, ASCENDING)
    if not first:
        return None
    bounds = {"$gte": min(first), "$lte": max(_numbers(within, DESCENDING))}
    return {**within, "$and": [{"number": bounds}]}


def _numbers(within: dict[str, Any], order: int) -> list[int]:
    found = TokenRequest._get_collection().find(within, {"number": 1, "submitted_at": 1, "_id": 0})
    return [one["number"] for one in found.sort("submitted_at", order).limit(NEIGHBOURS)]
