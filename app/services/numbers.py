"""Gives out rising numbers."""

from pymongo import ReturnDocument

from app.models.counter import Counter


def next_number(name: str) -> int:
    """The next number of `name`, beginning with 1; nobody else gets it."""
    return reserve(name, 1)


def reserve(name: str, count: int) -> int:
    """The first of the next `count` numbers of `name`; nobody else gets any of them."""
    counter = Counter._get_collection().find_one_and_update(
        {"_id": name}, {"$inc": {"last": count}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    return int(counter["last"]) - count + 1
