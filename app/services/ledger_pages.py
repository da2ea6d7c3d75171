"""Numbered pages of a ledger, for clients that count them. Our own pages go on from an entry, see `ledger.history`."""

from dataclasses import dataclass, replace

from bson import ObjectId

from app.models.account import EntryType
from app.models.domain_error import UseCursor
from app.services import account_commit, account_moment
from app.services.account_moment import Choice, Entry, Moment

# So many entries may be skipped on the way to a page, since each is a key to read.
LARGEST_OFFSET = 10_000
_INDEX = [("account", 1), ("type", 1), ("seq", -1)]


@dataclass(frozen=True, slots=True)
class Page:
    """The entries of a page, newest first, and how many there are on all pages."""

    entries: list[Entry]
    total: int


def page(user_id: ObjectId, chosen: Choice, *, number: int, limit: int, before_seq: int | None = None) -> Page:
    """The page with this number, from 1, of all chosen entries, or of those before `before_seq`.

    Raises `UseCursor` where more would have to be skipped than may be.
    """
    offset = (number - 1) * limit
    if offset > LARGEST_OFFSET:
        raise UseCursor(most=LARGEST_OFFSET)
    moment = account_moment.take(user_id)
    if offset:
        before_seq = _seq_at(moment, chosen, before_seq, place=offset - 1)
    return Page(moment.newest(chosen, limit, below=before_seq), _count(moment, chosen))


def _seq_at(moment: Moment, chosen: Choice, below: int | None, *, place: int) -> int:
    """The number of the chosen entry at `place`, from 0, newest first; 0 beyond the last."""
    waiting = moment.newest_waiting(chosen, below)
    if place < len(waiting):
        return int(waiting[place]["seq"])
    # In two steps, because the database would read every document that it skips; this one needs the index alone.
    numbers = account_commit.entries().find(moment.copied_query(chosen, below), {"_id": 0, "seq": 1})
    skipped = numbers.sort("seq", -1).hint(_INDEX).skip(place - len(waiting)).limit(1)
    return int(next(iter(skipped), {"seq": 0})["seq"])


def _count(moment: Moment, chosen: Choice) -> int:
    """How many chosen entries there are. The account itself counts its usage, which is most of a long ledger."""
    types = frozenset(EntryType) if chosen.types is None else chosen.types
    calls = moment.account.lifetime_calls if EntryType.USAGE in types and chosen.rising is not True else 0
    others = replace(chosen, types=types - {EntryType.USAGE})
    copied = account_commit.entries().count_documents(moment.copied_query(others), hint=_INDEX)
    return calls + len(moment.newest_waiting(others)) + copied
