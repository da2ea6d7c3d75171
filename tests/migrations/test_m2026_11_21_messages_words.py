"""Messages of before `words` get them, and assistants their first version."""

from app.migrations import m2026_11_21_messages_words as migration
from app.models.assistant import Assistant
from app.models.message import Message
from app.services import assistant_changes, message_reading
from app.services.message_reading import Search
from tests.chatting import announced, make_talker, say
from tests.factories import OPERATOR


def test_older_messages_are_found_afterwards(monkeypatch, threads):
    monkeypatch.setattr(migration, "BATCH", 2)
    user = make_talker()
    for number in range(3):
        say(user, f"zebra {number}", key=f"k{number}")
    unfinished = announced(make_talker())
    messages = Message._get_collection()
    messages.update_one({"_id": unfinished.id}, {"$set": {"text": "half a zebra"}})
    with_words = {one["_id"]: one.get("words") for one in messages.find()}
    messages.update_many({}, {"$unset": {"words": ""}})
    assert message_reading.search(Search("zebra"), by=OPERATOR).messages == []
    assert threads(lambda _: migration.run(), 2) == [None, None]
    # An answer that is being written gets its words when it ends.
    with_words[unfinished.id] = None
    assert {one["_id"]: one.get("words") for one in messages.find()} == with_words
    assert len(message_reading.search(Search("zebra"), by=OPERATOR).messages) >= 3


def test_an_assistant_of_before_can_be_changed():
    make_talker()
    Assistant._get_collection().update_one({}, {"$unset": {"version": ""}})
    migration.run()
    assistant = assistant_changes.get(1)
    facts = {name: getattr(assistant, name) for name in assistant_changes.Facts.__annotations__}
    assert assistant_changes.edit(assistant, **{**facts, "name": "New"}, version=1, by=OPERATOR).version == 2
