"""What each query of the catalogue looks at: the database explains it over many tokens, and says that it was little."""

from datetime import UTC, datetime
from itertools import product

import pytest
from bson import ObjectId
from mongoengine import connect, disconnect
from mongoengine.connection import get_db
from pymongo.monitoring import CommandListener

from app import db
from app.models.catalogue_token import CatalogueToken
from app.services import catalogue

# For each one returned.
MOST_DOCUMENTS, MOST_KEYS = 20, 200
HOW_MANY = 1_500
FOUND_BY = ("find", "filter", "sort", "hint", "limit", "projection")


class Finds(CommandListener):
    """What is looked for in the catalogue."""

    def __init__(self):
        self.asked = []

    def started(self, event):
        if event.command.get("find") == "catalogue_tokens":
            self.asked.append({name: event.command[name] for name in FOUND_BY if name in event.command})

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


@pytest.fixture
def finds(mongodb_uri):
    heard = Finds()
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS, event_listeners=[heard])
    yield heard
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS)


@pytest.fixture
def many():
    """Mostly on two blockchains, every third one taken out; what begins with "gone" was, all of it."""
    tokens = []
    for number in range(1, HOW_MANY + 1):
        word = f"gone{number:04}" if number % 3 == 0 else ("gold", "silver", f"s{number:04}")[number % 7 % 3]
        made = {"key": f"k{number}", "request": ObjectId(), "number": number, "listed": number % 3 != 0}
        chain = "sui" if number == 2 else ("ethereum", "base")[number % 2]
        named = {"symbol": "GOLD", "name": "Gold", "symbol_skeleton": "GOLD", "search": sorted({word, "coin"})}
        at = datetime(2026, 3, 10, tzinfo=UTC)
        tokens.append({**made, **named, "blockchain": chain, "contract_address": f"0x{number:040}", "listed_at": at})
    CatalogueToken._get_collection().insert_many(tokens)


def looked_at(command):
    """How many documents, and how many keys, the database examines for each one that it returns."""
    ran = get_db().command({"explain": command})["executionStats"]
    returned = max(1, ran["nReturned"])
    return ran["totalDocsExamined"] / returned, ran["totalKeysExamined"] / returned


def test_every_page_and_search_looks_at_little(many, finds):
    wrong = []
    texts = ["", "gold", "s", "c", "g", "gone", "zzz", "coin"]
    for text, chain, before in product(texts, [None, "ethereum", "sui", "tron"], [None, HOW_MANY // 2]):
        finds.asked.clear()
        catalogue.page(blockchain=chain, words=catalogue.words(text), before=before, limit=51)
        for command in finds.asked:
            documents, keys = looked_at(command)
            if documents > MOST_DOCUMENTS or keys > MOST_KEYS:
                wrong.append(f"{documents:.0f} documents, {keys:.0f} keys for one: {text} {command}")
    assert wrong == []
