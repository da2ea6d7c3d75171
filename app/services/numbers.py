"""Gives out rising numbers."""

from pymongo import ReturnDocument

from app.models.counter import Counter


def next_number(name: str) -> int:
    """The next number of `name`, beginning with 1; nobody else gets it."""
    counter = Counter._get_collection().find_one_and_update(
        {"_id": name}, {"$inc": {"last": 1}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    return int(counter["last"])
