"""What each query for requests looks at: the database explains it over some thousands of them, and says that it was little."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from mongoengine import connect, disconnect
from mongoengine.connection import get_db
from pymongo import UpdateOne
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from app import db
from app.models.actor import Actor
from app.models.search_words import token_terms
from app.models.token_request import OPEN, BetaRequest, ListingRequest, QuotaRequest, Status, TokenRequest
from app.services import (
    beta_requests,
    desk,
    desk_search,
    due,
    duplicates,
    expiry,
    numbers,
    queue,
    reservations,
    submissions,
    token_requests,
    users,
)
from app.services.desk import Filters
from tests.factories import OPERATOR, make_user

# For each one returned.
MOST_DOCUMENTS, MOST_KEYS = 20, 200
HOW_MANY = 4_000
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
BEGAN = NOON - timedelta(minutes=20 * HOW_MANY)
# What comes of most requests; the other statuses are rare.
USUAL = [Status.APPROVED] * 60 + [Status.REJECTED] * 25 + [Status.WITHDRAWN] * 10 + list(Status)
NOT_ASKED = frozenset({"lsid", "txnNumber", "$clusterTime", "$db", "$readPreference", "readConcern", "writeConcern"})

Command = dict[str, Any]


# A token of every listing request is the one of its number in turn; one of a rare blockchain comes once.
TOKENS = [("GOLD", "Gold Coin"), ("SLVR", "Silver Coin"), ("MEME", "Meme of Gold"), ("GATE", "Gateway")]
RARE = "sui"


class Questions(CommandListener):
    """What is asked about requests, with how many the answer counted where it is a count."""

    def __init__(self) -> None:
        self.asked: list[tuple[Command, int | None]] = []
        self._commands: dict[int, Command] = {}

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in ("find", "aggregate", "findAndModify"):
            command = {name: value for name, value in event.command.items() if name not in NOT_ASKED}
            if command[event.command_name] == "token_requests":
                self._commands[event.request_id] = command

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if command := self._commands.pop(event.request_id, None):
            counted = None
            if event.command_name == "aggregate":
                counted = sum(row.get("n", row.get("count", 0)) for row in event.reply["cursor"]["firstBatch"])
            self.asked.append((command, counted))

    def failed(self, event: CommandFailedEvent) -> None:
        self._commands.pop(event.request_id, None)


@pytest.fixture
def questions(mongodb_uri: str) -> Iterator[Questions]:
    """What this test asks, on a connection of its own."""
    heard = Questions()
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS, event_listeners=[heard])
    yield heard
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS)


@pytest.fixture
def clock_hand() -> Iterator[time_machine.Traveller]:
    """A clock that stands, a moment after the last request."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def people(clock_hand) -> list[ObjectId]:
    """Who submitted the requests: the first has submitted 150, the others few; the last has submitted one, of the rarest kind."""
    random = Random(7)  # noqa: S311
    ids = [make_user().id, *(ObjectId() for _ in range(1_000)), make_user().id]
    documents = []
    for number in range(1, HOW_MANY + 1):
        user = ids[-1] if number == HOW_MANY // 2 else ids[0] if number % 27 == 0 else random.choice(ids[1:-1])
        rare = number % 400 == 0
        kind, status = ("beta" if rare else "quota"), random.choice(USUAL)
        if number > HOW_MANY * 0.95:
            status = Status.PENDING
        documents.append(_document(random, number, user, kind, status))
    TokenRequest._get_collection().insert_many(documents)
    numbers.reserve("token_requests", HOW_MANY)
    return ids


def _document(random: Random, number: int, user: ObjectId, kind: str, status: Status) -> dict[str, Any]:
    at = BEGAN + timedelta(minutes=20 * number)
    class_ = BetaRequest if kind == "beta" else QuotaRequest
    made = {
        "_cls": class_._class_name,
        "number": number,
        "user": user,
        "kind": kind,
        "status": status.value,
        "version": 2,
        "submitted_at": at,
        "waiting_since": at,
        "reason": "I ran out.",
        "usage": {"token_count": 1, "request_count": 1},
        "decision": None,
        "notes": [],
        "history": [{"from_status": None, "to_status": status.value, "by": OPERATOR.stamp(), "at": at, "note": ""}],
        "due": [],
    }
    if status in OPEN:
        made |= {"open_key": f"{kind}:{number}", "wakes_at": at + timedelta(days=30)}
    if status in queue.DECIDED or status is Status.REVOKED:
        decided_at = at + timedelta(minutes=random.randrange(600))
        made["decision"] = {"by": OPERATOR.stamp(), "at": decided_at, "response": "", "granted": None}
    return made


def _token(number: int) -> dict[str, Any]:
    """What a listing request has besides."""
    symbol, name = TOKENS[number % len(TOKENS)]
    return {
        "_cls": ListingRequest._class_name,
        "kind": "listing",
        "token_symbol": symbol,
        "token_name": name,
        "blockchain": RARE if number == HOW_MANY // 2 - 2 else ("ethereum", "base")[number % 2],
        "contract_address": f"0x{number:040}",
        "symbol_skeleton": symbol,
        "search": token_terms(symbol, name),
    }


@pytest.fixture
def tokens(people) -> list[ObjectId]:
    """One in three requests is for a token: the user who submitted 150 has submitted some of them."""
    numbers_ = range(3, HOW_MANY + 1, 3)
    changes = [UpdateOne({"number": number}, {"$set": _token(number)}) for number in numbers_]
    TokenRequest._get_collection().bulk_write(changes)
    return people


def looked_at(command: Command, counted: int | None) -> tuple[float, float]:
    """How many documents, and how many keys, the database examines for each one that it returns, or counts."""
    if "findAndModify" in command:
        command = {name: value for name, value in command.items() if name != "new"}
    explained = get_db().command({"explain": {**command, "cursor": {}} if "aggregate" in command else command})
    ran = _ran(explained)
    assert ran is not None, explained
    returned = max(1, ran["nReturned"] if counted is None else counted)
    return ran["totalDocsExamined"] / returned, ran["totalKeysExamined"] / returned


def _ran(explained: Any) -> dict[str, Any] | None:
    """The figures of the run, wherever this command has them."""
    if isinstance(explained, dict):
        if "totalDocsExamined" in explained:
            return explained
        explained = list(explained.values())
    if isinstance(explained, list):
        return next(filter(None, map(_ran, explained)), None)
    return None


def too_much(questions: Questions, work: Callable[[], object]) -> list[str]:
    """The questions of some work for which the database looks at too much; it must ask something."""
    questions.asked.clear()
    work()
    asked = list(questions.asked)
    assert asked
    found = []
    for command, counted in asked:
        documents, keys = looked_at(command, counted)
        if documents > MOST_DOCUMENTS or keys > MOST_KEYS:
            found.append(f"{documents:.0f} documents, {keys:.0f} keys for one: {command}")
    return found


KINDS = [(), ("quota",), ("beta",)]
STATUSES = [(), (Status.PENDING,), (Status.APPROVED,), (Status.SPAM,), (Status.REVOKED, Status.EXPIRED)]
# Any time, lately, long ago, some days, before all.
DAYS = [
    (None, None),
    (NOON - timedelta(days=1), None),
    (None, BEGAN + timedelta(days=2)),
    (NOON - timedelta(days=30), NOON - timedelta(days=29)),
    (None, BEGAN),
]
PLACES = [None, HOW_MANY // 2, 30]


# The quick suite tries some of all combinations, always the same ones.
some_or_all = pytest.mark.parametrize("part", [0.1, pytest.param(1, marks=pytest.mark.long)], ids=["some", "all"])


def combinations(part: float, *choices: Iterable[Any]) -> list[tuple[Any, ...]]:
    """That part of all combinations of these choices."""
    every = list(product(*choices))
    return Random(11).sample(every, int(len(every) * part))  # noqa: S311


@some_or_all
def test_a_page_of_the_desk_looks_at_little_with_any_filters(people, questions, part):
    some_people = [None, people[:1], people[-1:], people[3:23], [ObjectId()]]
    wrong = []
    for (since, until), kinds, statuses, chosen, place, oldest_first in combinations(
        part, DAYS, KINDS, STATUSES, some_people, PLACES, (False, True)
    ):
        filters = Filters(kinds=kinds, statuses=statuses, users=chosen, since=since, until=until)

        def work(filters=filters, place=place, oldest_first=oldest_first):
            desk.page(filters, oldest_first=oldest_first, **{"after" if oldest_first else "before": place})

        wrong += too_much(questions, work)
    assert wrong == []


@some_or_all
def test_a_count_of_the_desk_looks_at_little_with_any_filters(people, questions, part):
    wrong = []
    some_people = [None, people[:1], people[3:23], [ObjectId()]]
    for (since, until), kinds, statuses, chosen in combinations(part, DAYS, KINDS, STATUSES, some_people):
        filters = Filters(kinds=kinds, statuses=statuses, users=chosen, since=since, until=until)
        wrong += too_much(questions, lambda filters=filters: desk.count(filters))
    assert wrong == []


def test_one_that_is_named_by_its_number_is_found_at_once_with_any_filters(people, questions):
    wrong = []
    for kinds, statuses, chosen, days in product(KINDS, STATUSES, [None, people[:1]], DAYS):
        filters = Filters(kinds=kinds, statuses=statuses, users=chosen, number=500, since=days[0], until=days[1])
        wrong += too_much(questions, lambda filters=filters: (desk.page(filters), desk.count(filters)))
    assert wrong == []


CHAINS = [(), ("ethereum",), (RARE,), ("base", RARE)]


@some_or_all
def test_a_list_of_tokens_looks_at_little_with_any_filters(tokens, questions, part):
    gold, coin = (desk_search.sought(text).terms for text in ("gold", "c"))
    some_people, some_terms = [None, tokens[:1], tokens[3:13], [ObjectId()]], [None, gold, coin, ["nothing"]]
    wrong = []
    for (since, until), statuses, chains, users_, terms in combinations(
        part, DAYS, STATUSES, CHAINS, some_people, some_terms
    ):
        if not chains and terms is None:
            continue
        filters = Filters(statuses=statuses, blockchains=chains, users=users_, terms=terms, since=since, until=until)

        def work(filters=filters):
            desk.page(filters, before=HOW_MANY // 2)
            desk.page(filters, oldest_first=True)
            desk.count(filters)

        wrong += too_much(questions, work)
    assert wrong == []


def test_whatever_is_searched_for_little_is_looked_at(tokens, questions):
    wrong = []
    for text, statuses in product(("gold", "g", "nobody is called this", "sil"), STATUSES[:3]):

        def work(text=text, statuses=statuses):
            filters = desk_search.narrowed(Filters(statuses=statuses), desk_search.sought(text))
            desk.page(filters)
            desk.count(filters)

        wrong += too_much(questions, work)
    assert wrong == []


def test_what_a_token_may_be_taken_for_is_found_at_once(tokens, questions):
    for number in (3, HOW_MANY // 3 * 3 - 3):
        assert too_much(questions, lambda number=number: duplicates.evidence(_pending(number))) == []


def _pending(number: int = HOW_MANY - 5) -> TokenRequest:
    return token_requests.by_number(number)


# Who asks, for the queries of which the answer is about one person.
BUSY, ONCE = 0, -1
QUERIES: dict[str, Callable[[list[ObjectId]], object]] = {
    "what waits": lambda people: (desk.pending_count(), desk.oldest_pending()),
    "one's own": lambda people: token_requests.mine(people[BUSY]),
    "one's own, further on": lambda people: token_requests.mine(people[BUSY], before=HOW_MANY // 2),
    "one's own of a kind": lambda people: token_requests.mine(people[BUSY], kind="quota", limit=10),
    "one's own of a kind that there is none of": lambda people: token_requests.mine(people[ONCE], kind="listing"),
    "one's own by number": lambda people: token_requests.own(people[BUSY], 27),
    "one by number": lambda people: token_requests.find("27"),
    "the standing with the beta program": lambda people: beta_requests.standing(users.get(people[BUSY])),
    "who has the slot": lambda people: submissions.slot_holder(f"quota:{HOW_MANY}"),
    "how many today": lambda people: submissions.submitted_today("quota", people[BUSY], 3),
    "the place in the queue": lambda people: queue.place(_pending()),
    "the usual time": lambda people: (queue.usual_seconds("quota"), queue.usual_seconds("beta")),
    "what is stuck": lambda people: token_requests.stuck(),
    "what time has come for": lambda people: TokenRequest.objects(wakes_at__lte=NOON).order_by("wakes_at").first(),
}


@pytest.mark.parametrize("query", QUERIES)
def test_every_other_query_looks_at_little(people, questions, query):
    stuck = {"due": [{"key": "k", "verb": "notify", "at": NOON, "failed": "Nobody is there."}]}
    TokenRequest._get_collection().update_one({"number": 3}, {"$set": stuck})
    assert too_much(questions, lambda: QUERIES[query](people)) == []


def test_the_worker_looks_at_little(people, questions, monkeypatch):
    monkeypatch.setattr(due, "perform", lambda carrier, document_id: True)
    left = {"due": [{"key": "k", "verb": "notify", "at": NOON - timedelta(hours=1)}], "wakes_at": NOON}
    TokenRequest._get_collection().update_many({}, {"$unset": {"wakes_at": ""}})
    TokenRequest._get_collection().update_many({"number": {"$lt": 4}}, {"$set": left})
    assert too_much(questions, lambda: (due.perform_waiting(), expiry.wake_due())) == []


def test_review_next_passes_over_what_others_have_in_hand(people, questions):
    others = {"reservation": {"by": OPERATOR.stamp(), "until": NOON + timedelta(minutes=5)}}
    pending = TokenRequest.objects(status="pending").order_by("number").limit(15)
    TokenRequest._get_collection().update_many({"_id": {"$in": [one.id for one in pending]}}, {"$set": others})
    by = Actor("user", str(people[BUSY]), "Rita")
    assert too_much(questions, lambda: reservations.next_for(by)) == []


def test_a_query_without_an_index_would_be_noticed(people, questions):
    (found,) = too_much(questions, lambda: list(TokenRequest._get_collection().find({"reason": "nothing"})))
    assert found.startswith(f"{HOW_MANY} documents, 0 keys for one")
    (found,) = too_much(questions, lambda: TokenRequest._get_collection().count_documents({"kind": "beta"}))
    assert "documents" in found
