"""Which stored words begin with what somebody typed."""

from typing import Any

from pymongo.collection import Collection

from app.models.search_words import searchable

LONGEST_SEARCH = 100
# Documents with any of so many words are listed in their order from an index, whatever else is asked of them.
MOST_WORDS = 20
# Above all that a word can go on with.
_LAST = "\U0010ffff"


def beginning_with(
    text: str, collection: Collection[dict[str, Any]], index: list[tuple[str, int]], **where: Any
) -> list[str]:
    """The first `MOST_WORDS` words in the field `search` that begin with `text`; none where `text` is no search at all.

    Of the documents that meet `where`. Each word is found with one key of `index`, which begins with what `where` says, if
    anything, and `search`.
    """
    sought = searchable(text)
    if not sought or len(sought) > LONGEST_SEARCH or not sought.isprintable():
        return []
    found: list[str] = []
    beginning, end = {"$gte": sought}, sought + _LAST
    while len(found) < MOST_WORDS:
        condition = {**where, "search": {"$elemMatch": {**beginning, "$lt": end}}}
        one = collection.find_one(condition, {"search": 1}, hint=index)
        if one is None:
            break
        found.append(
            min(word for word in one["search"] if word < end and (word > found[-1] if found else word >= sought))
        )
        beginning = {"$gt": found[-1]}
    return found
