"""What the queries for messages and conversations look at: the database explains them over thousands of messages."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from bson import ObjectId

from app.models.conversation import Conversation
from app.models.message import Message
from app.services import message_reading
from app.services.message_reading import MOST_LOOKED_THROUGH, Search
from tests.factories import OPERATOR

START = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 6_000
USERS = [ObjectId() for _ in range(50)]


@pytest.fixture
def messages():
    """Each has a common word; every third another one, one of a thousand a rare one."""
    rows = []
    for number in range(COUNT):
        words = ["common", *(["third"] if number % 3 == 0 else []), *(["rare"] if number % 1_000 == 0 else [])]
        rows.append(
            {
                "_id": ObjectId(),
                "user": USERS[number % 50],
                "conversation": USERS[number % 50],
                "key": str(number),
                "role": "user",
                "text": " ".join(words),
                "words": words,
                "status": "done",
                "created_at": START + timedelta(minutes=number),
            }
        )
    Message._get_collection().insert_many(rows)
    return rows


def test_no_search_looks_at_much_more_than_it_finds(messages):
    days = ((None, None), (START + timedelta(days=1), START + timedelta(days=3)))
    places = (None, messages[COUNT // 2], messages[1_500])
    texts = ("common", "third", "rare", "nothing", "common third", "rare common", "common nothing")
    for text, user, (since, until), place in product(texts, (None, USERS[0]), days, places):
        asked = Search(text, user, since=since, until=until)
        words = message_reading._rarest_first(asked)
        limit = 51 if len(words) == 1 else MOST_LOOKED_THROUGH
        stats = message_reading.candidates(asked, words, place).limit(limit).explain()["executionStats"]
        told = (
            f"{text} {user} {since} {place and place['_id']}: {stats['nReturned']}, {stats['totalKeysExamined']} keys"
        )
        assert stats["totalDocsExamined"] <= stats["nReturned"] + 1, told
        assert stats["totalKeysExamined"] <= stats["nReturned"] + 5, told


def test_the_rarest_word_comes_first_and_counting_ends_early(messages, monkeypatch):
    monkeypatch.setattr(message_reading, "MOST_LOOKED_THROUGH", 100)
    assert message_reading._rarest_first(Search("common third")) == ["common", "third"]
    assert message_reading._rarest_first(Search("common third rare")) == ["rare", "common", "third"]


def test_the_list_of_conversations_reads_what_it_shows():
    rows = [
        {
            "_id": ObjectId(),
            "user": USERS[number % 50],
            "key": str(number),
            "assistant": 1,
            "title": "T",
            "created_at": START,
            "last_message_at": START + timedelta(minutes=number),
        }
        for number in range(3_000)
    ]
    Conversation._get_collection().insert_many(rows)
    for user, before in product((None, USERS[0]), (None, rows[2_000]["_id"], rows[500]["_id"])):
        found = message_reading.listed(user, before and message_reading._conversation(before)).limit(51)
        stats = found.explain()["executionStats"]
        assert stats["nReturned"] > 5
        assert stats["totalDocsExamined"] <= stats["nReturned"] + 1
        assert stats["totalKeysExamined"] <= stats["nReturned"] + 5
    assert len(message_reading.conversations(by=OPERATOR)) == 50
