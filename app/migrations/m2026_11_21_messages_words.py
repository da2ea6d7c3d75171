"""Messages have the words that a search compares with, assistants a version that rises with each change."""

from pymongo import UpdateOne

from app.models.assistant import Assistant
from app.models.message import Message, Status
from app.models.message_words import words_of

BATCH = 500


def run() -> None:
    """Sets `words` on messages that are whole, and the first version on assistants."""
    Assistant._get_collection().update_many({"version": None}, {"$set": {"version": 1}})
    messages = Message._get_collection()
    # An answer that is being written gets its words when it ends.
    without = {"words": None, "text": {"$gt": ""}, "status": {"$ne": Status.STREAMING.value}}
    last: dict[str, object] = {}
    while found := list(messages.find(without | last, {"text": 1}).sort("_id", 1).limit(BATCH)):
        updates = [
            UpdateOne({"_id": one["_id"], "words": None}, {"$set": {"words": words_of(one["text"])}}) for one in found
        ]
        messages.bulk_write(updates, ordered=False)
        last = {"_id": {"$gt": found[-1]["_id"]}}
