"""The admins' list of orders: by status, and by what somebody searches for, in pages that cost the same wherever they are."""

import re
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from app.models.order import Order, Status
from app.services import user_list

LONGEST_SEARCH = 100
# The orders of so many people are listed from an index, in one order.
MOST_USERS = 20
MOST_COUNTED = 10_001
_NUMBER = re.compile(r"#?\s*([0-9]{1,15})")

BY_NUMBER = [("number", 1)]
BY_STATUS = [("status", 1), ("number", -1)]
BY_USER = [("user", 1), ("status", 1), ("number", -1)]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which orders, all conditions together; no `users` at all are nobody's. `more`: others would fit the search, too."""

    status: Status | None = None
    number: int | None = None
    users: list[ObjectId] | None = None
    more: bool = False


def filters(status: Status | None, text: str) -> Filters:
    """The orders in `status` that `text` finds: by #number, or by who ordered: e-mail, name, phone, id or external id."""
    text = text.strip()
    if not text:
        return Filters(status)
    if number := _number(text):
        return Filters(status, number=number)
    found = user_list.search(text, user_list.Filters(user_list.tiers()), limit=MOST_USERS)
    return Filters(status, users=[user.id for user in found.users], more=found.more)


def page(chosen: Filters, *, before: int | None = None, limit: int = 50) -> list[Order]:
    """Orders, newest first; `before` is the number of the last one on the page before this one."""
    query, index = _query(chosen)
    if before is not None:
        query = {"$and": [query, {"number": {"$lt": before}}]}
    found = Order._get_collection().find(query).sort("number", -1).hint(index).limit(limit)
    return [Order._from_son(one) for one in found]


def count(status: Status) -> int:
    """How many orders stand there; counting stops at `MOST_COUNTED`."""
    where = {"status": status.value}
    return int(Order._get_collection().count_documents(where, hint=BY_STATUS, limit=MOST_COUNTED))


def _number(text: str) -> int | None:
    """Digits may be somebody's phone or external id too, so without the # they are a number only if some order has it."""
    matched = _NUMBER.fullmatch(text)
    if matched is None:
        return None
    number = int(matched[1])
    is_taken = text.startswith("#") or Order._get_collection().find_one({"number": number}, {"_id": 1})
    return number if is_taken else None


def _query(chosen: Filters) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """The condition in the database, and the index that serves it."""
    status = {"status": chosen.status.value} if chosen.status else {}
    if chosen.number is not None:
        return {"number": chosen.number, **status}, BY_NUMBER
    if chosen.users is not None:
        # All statuses are named: the index then gives the numbers of each user in each status in their order.
        return {"user": {"$in": chosen.users}, "status": {"$in": [str(one) for one in Status]}, **status}, BY_USER
    return status, BY_STATUS if status else BY_NUMBER
