"""Conversations have the words of their titles, which a search compares with."""

from pymongo import UpdateOne

from app.models.conversation import Conversation
from app.models.message_words import words_of

BATCH = 1_000


def run() -> None:
    """Sets `words` on conversations from before, a batch at a time."""
    conversations = Conversation._get_collection()
    # Not by what is missing alone: titles without any word are found again and again by that.
    last: dict[str, object] = {}
    while found := list(conversations.find({"words": None} | last, {"title": 1}).sort("_id", 1).limit(BATCH)):
        updates = [
            UpdateOne({"_id": one["_id"], "words": None}, {"$set": {"words": words_of(one["title"])}}) for one in found
        ]
        conversations.bulk_write(updates, ordered=False)
        last = {"_id": {"$gt": found[-1]["_id"]}}
