"""The list of users: its filters, its pages by key, and the search for the beginning of a name, an address or a number.

Both indexes of the list begin with the three filters, and a filter that is not set asks for each of its values: the database
then reads only what it returns, whatever combination is asked for, of a thousand users as of a million.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from bson.regex import Regex
from flask import current_app
from pymongo.cursor import Cursor

from app import clock
from app.models.account import Account
from app.models.domain_error import InvalidInput
from app.models.object_id import object_id
from app.models.search_words import searchable
from app.models.user import User, Users
from app.services import account_reading, users

LONGEST_SEARCH = 100
# A search looks at so many users at most; of these the newest are shown.
MOST_CANDIDATES = 1_000
MOST_COUNTED = 10_001
SHOWN = ("name", "email", "email_confirmed", "tier", "active", "deleted_at", "last_seen_at", "created_at")

_FILTERS = [("tier", 1), ("active", 1), ("out_of_tokens", 1)]
LIST_INDEX = [*_FILTERS, ("_id", -1)]
SEARCH_INDEX = [*_FILTERS, ("search", 1), ("_id", -1)]
_DIGITS = re.compile(r"\+?[0-9][0-9 ().-]*")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which users a list shows: those on these tiers, active or not, out of tokens or not. `tiers()` is all there are."""

    tiers: Sequence[str]
    active: Sequence[bool] = (False, True)
    out_of_tokens: Sequence[bool] = (False, True)

    def query(self) -> dict[str, Any]:
        """The same, for the database."""
        choices = {"tier": self.tiers, "active": self.active, "out_of_tokens": self.out_of_tokens}
        return {name: {"$in": list(values)} for name, values in choices.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """What a search shows, an exact match first, then the newest; `more`: whether it would find others too."""

    users: Sequence[User]
    more: bool


def tiers() -> list[str]:
    """The tiers of the settings, and those that somebody is still on."""
    in_use = User._get_collection().distinct("tier")
    return [*current_app.config["TIERS"], *sorted(set(in_use) - set(current_app.config["TIERS"]))]


def page(filters: Filters, *, before: ObjectId | None = None, limit: int = 50) -> list[User]:
    """Users, newest first, as far as a list shows them; the last one's id is `before` of the next page."""
    return list(listed(filters, before).limit(limit))


def listed(filters: Filters, before: ObjectId | None = None) -> Users:
    """The query behind `page`."""
    place = {"_id": {"$lt": before}} if before else {}
    found: Users = User.objects(__raw__=filters.query() | place).only(*SHOWN).newest_first()
    return found.hint(LIST_INDEX)


def count(filters: Filters) -> int:
    """How many users there are; counting stops at `MOST_COUNTED`."""
    collection = User._get_collection()
    return int(collection.count_documents(filters.query(), hint=LIST_INDEX, limit=MOST_COUNTED))


def search(text: str, filters: Filters, *, limit: int = 50) -> Found:
    """Users of whom a name, a word of it, e-mail, phone or external id begins with `text`, which is read literally."""
    sought = searchable(text)
    if not sought or not sought.isprintable():
        return Found([], more=False)
    exact = _exactly(text.strip(), filters)
    beginning = candidates(sought, filters) if len(sought) <= LONGEST_SEARCH else ()
    ids = sorted((one["_id"] for one in beginning), reverse=True)
    shown = [*exact, *(one for one in ids if one not in exact)]
    found = {user.id: user for user in User.objects(id__in=shown[:limit]).only(*SHOWN)}
    return Found([found[one] for one in shown[:limit] if one in found], more=len(shown) > limit)


def accounts_of(listed: Sequence[User]) -> dict[ObjectId, Account]:
    """The token accounts of these users as they are now, by user."""
    return account_reading.read_all(listed, clock.now())


def _exactly(text: str, filters: Filters) -> list[ObjectId]:
    """Whoever is called just this by e-mail, phone, external id or our own id."""
    named: list[dict[str, Any]] = [{"external_id": text}]
    if known := object_id(text):
        named.append({"_id": known})
    with suppress(InvalidInput):
        named.append({"email": users.normalised_email(text)})
    with suppress(InvalidInput):
        named.append({"phone": users.normalised_phone(text)})
    return [one["_id"] for one in User._get_collection().find({"$or": named} | filters.query(), {"_id": 1})]


def candidates(sought: str, filters: Filters) -> Cursor[dict[str, Any]]:
    """The query behind `search`: the ids of users who begin like this, for which the index alone is read."""
    beginnings = {sought}
    if _DIGITS.fullmatch(sought):
        beginnings.add(re.sub("[^0-9]", "", sought))
    # The driver would mark Python's own patterns as Unicode, for which the database uses no index.
    patterns = [Regex(f"^{re.escape(beginning)}") for beginning in sorted(beginnings)]
    where = filters.query() | {"search": {"$in": patterns}}
    return User._get_collection().find(where, {"_id": 1}).hint(SEARCH_INDEX).limit(MOST_CANDIDATES)
