"""What the desk lists: the filters in every combination, the pages both ways, and what the database reads for them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

import pytest
from bson import ObjectId
from mongoengine.connection import get_db

from app.models.token_request import Status, TokenRequest
from app.services import desk
from app.services.desk import Filters

START = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("quota", "beta")
CHAINS = ("ethereum", "solana", "base")
WORDS = [f"word{n}" for n in range(25)]
USERS = [ObjectId() for _ in range(40)]
STATUSES = list(Status)
COUNT = 3_000


def stored(number: int) -> dict[str, object]:
    """A request as a list reads it. Nearly all were decided long ago; every tenth of the newest is pending."""
    status = STATUSES[number % len(STATUSES)]
    if number < COUNT - 300 and status in (Status.PENDING, Status.NEEDS_INFO):
        status = Status.APPROVED
    at = START + timedelta(minutes=number)
    # One in five is for a token; every word is one of many tokens, every token has two.
    token = {
        "_cls": "TokenRequest.ListingRequest",
        "kind": "listing",
        "blockchain": CHAINS[number % 7 % 3],
        "search": [WORDS[number % 25], WORDS[(number * 7 + 1) % 25]],
    }
    return {
        "_cls": "TokenRequest.QuotaRequest" if number % 3 else "TokenRequest.BetaRequest",
        "number": number,
        "user": USERS[number % len(USERS)] if number % 50 else USERS[0],
        "kind": KINDS[0] if number % 3 else KINDS[1],
        "status": status.value,
        "version": 1,
        # Times are taken before numbers are drawn, so neighbours in time may have changed places.
        "submitted_at": at + timedelta(seconds=90 if number % 7 == 0 else 0),
        "waiting_since": at,
        "history": [],
        "due": [],
        **(token if number % 5 == 0 else {}),
    }


@pytest.fixture
def many():
    documents = [stored(number) for number in range(1, COUNT + 1)]
    TokenRequest._get_collection().insert_many(documents)
    return documents


def moment(number):
    return START + timedelta(minutes=number)


CHOICES = {
    "kinds": [(), ("quota",), ("beta",)],
    "statuses": [(), (Status.PENDING,), (Status.APPROVED,), (Status.PENDING, Status.NEEDS_INFO)],
    "users": [None, USERS[:1], USERS[:30], []],
    "days": [(None, None), (1_000, None), (None, 2_000), (1_000, 1_500), (4_000, 5_000)],
}
OF_TOKENS = {
    "kinds": [(), ("quota",), ("listing",)],
    "statuses": [(), (Status.PENDING,), (Status.APPROVED, Status.SPAM)],
    "users": [None, USERS[:1], USERS[5:25], []],
    "blockchains": [(), ("solana",), ("ethereum", "base")],
    "terms": [None, WORDS[3:4], WORDS[:20], ["nobody"], []],
    "or_terms": [None, WORDS[5:6], WORDS[:20], []],
}
# Some of the two thousand, always the same.
CHOSEN = Random(5).sample([*product(*OF_TOKENS.values())], 80)  # noqa: S311
COMBINATIONS = [Filters(**dict(zip(OF_TOKENS, one, strict=True))) for one in CHOSEN]
COMBINATIONS += [
    Filters(
        kinds=kinds,
        statuses=statuses,
        users=users,
        since=moment(days[0]) if days[0] else None,
        until=moment(days[1]) if days[1] else None,
    )
    for kinds, statuses, users, days in product(*CHOICES.values())
]


def fits(one, filters):
    """The filters, said once more in Python."""
    if filters.or_terms is not None:
        either = replace(filters, or_terms=None), replace(filters, or_terms=None, users=None, terms=filters.or_terms)
        return any(fits(one, each) for each in either)
    return (
        (not filters.kinds or one["kind"] in filters.kinds)
        and (not filters.statuses or one["status"] in filters.statuses)
        and (filters.users is None or one["user"] in filters.users)
        and (not filters.blockchains or one.get("blockchain") in filters.blockchains)
        and (filters.terms is None or not set(filters.terms).isdisjoint(one.get("search", ())))
        and (filters.number is None or one["number"] == filters.number)
        and (filters.since is None or one["submitted_at"] >= filters.since)
        and (filters.until is None or one["submitted_at"] < filters.until)
    )


def numbers(found):
    return [one.number for one in found]


def test_every_combination_lists_just_what_fits_in_both_orders(many):
    for filters in COMBINATIONS:
        expected = [one["number"] for one in many if fits(one, filters)]
        assert numbers(desk.page(filters, oldest_first=True, limit=50)) == expected[:50], filters
        assert numbers(desk.page(filters, limit=50)) == expected[::-1][:50], filters
        assert desk.count(filters) == len(expected), filters


def test_pages_go_on_from_a_row_both_ways(many):
    for filters in (
        Filters(),
        Filters(kinds=["beta"], users=USERS[:30]),
        Filters(since=moment(1_000), kinds=["quota"]),
        Filters(blockchains=["solana"], users=USERS[:30], or_terms=WORDS[:4]),
        Filters(users=USERS[:1], or_terms=WORDS),
    ):
        expected = [one["number"] for one in many if fits(one, filters)]
        middle = expected[len(expected) // 2]
        place = expected.index(middle)
        assert numbers(desk.page(filters, before=middle, limit=20)) == expected[max(0, place - 20) : place][::-1]
        after = desk.page(filters, after=middle, oldest_first=True, limit=20)
        assert numbers(after) == expected[place + 1 : place + 21]


def test_a_number_is_found_with_the_other_filters(many):
    assert numbers(desk.page(Filters(number=42))) == [42]
    assert numbers(desk.page(Filters(number=42, kinds=["beta"]))) == [42]
    assert desk.page(Filters(number=42, kinds=["quota"])) == []
    assert desk.page(Filters(number=42, users=[ObjectId()])) == []
    assert desk.page(Filters(number=0)) == []


def test_counting_stops(many, monkeypatch):
    monkeypatch.setattr(desk, "MOST_COUNTED", 101)
    assert desk.count(Filters()) == 101
    assert desk.count(Filters(kinds=["quota"])) == 101
    assert desk.count(Filters(number=42)) == 1


def examined(run):
    """Documents and keys examined, documents returned and the plan, for each query on requests that `run` leads to."""
    database = get_db()
    database.command("profile", 2)
    try:
        run()
        database.command("profile", 0)
        said = list(database["system.profile"].find({"ns": f"{database.name}.token_requests", "op": "query"}))
    finally:
        database.command("profile", 0)
        database["system.profile"].drop()
    return [(one["docsExamined"], one["keysExamined"], one["nreturned"], one["planSummary"], one) for one in said]


@pytest.mark.parametrize("oldest_first", [False, True], ids=["newest first", "oldest first"])
@pytest.mark.parametrize("place", [None, 100, COUNT // 2, COUNT - 100])
def test_every_list_reads_little_more_than_it_shows(many, oldest_first, place):
    bound = {} if place is None else {"after" if oldest_first else "before": place}

    def list_all():
        for filters in COMBINATIONS:
            desk.page(filters, oldest_first=oldest_first, limit=50, **bound)

    for documents, keys, returned, plan, query in examined(list_all):
        # Where nothing is found, the database has looked into each of the stretches that could have held it.
        assert documents <= 20 * returned, query["command"]
        assert keys <= 200 * returned + desk.MOST_STRETCHES, query["command"]
        assert "COLLSCAN" not in plan
        assert not query.get("hasSortStage"), query["command"]
