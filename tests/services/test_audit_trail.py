"""The list of the trail: what its filters find, and what the database looks at for it."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from bson import ObjectId

from app.models.actor import Actor
from app.models.audit_event import Action, AuditEvent
from app.models.domain_error import Forbidden, NotFound
from app.services import audit_trail
from app.services.audit_trail import Filters, filters, page
from tests.factories import OPERATOR, actor_of, make_user
from tests.sealing import enter

START = datetime(2026, 3, 1, tzinfo=UTC)
COUNT, PEOPLE = 3_000, [str(ObjectId()) for _ in range(30)]


@pytest.fixture
def events():
    """Of everybody, by themselves and by their keys; one action of a hundred is a rare one."""
    rows = []
    for number in range(COUNT):
        by_key = {"on_behalf_of": PEOPLE[number % 30]} if number % 2 else {}
        rows.append(
            {
                "_id": ObjectId(),
                "key": str(number),
                "at": START + timedelta(minutes=number),
                "action": "user.create" if number % 100 == 0 else "request.approve",
                "actor": {"kind": "user", "id": str(number) if by_key else PEOPLE[number % 30], "name": "N"},
                "object": {"kind": "request", "id": PEOPLE[number % 29], "number": number % 28 + 1},
                "outcome": "done",
                **by_key,
            }
        )
    AuditEvent._get_collection().insert_many(rows)
    return rows


def test_no_list_looks_at_much_more_than_it_shows(events):
    days = ((None, None), (START + timedelta(days=1), START + timedelta(days=2)))
    for actor, action, changed, (since, until), place in product(
        (None, PEOPLE[0], PEOPLE[1], "nobody"),
        (None, Action.USER_CREATE, Action.REQUEST_APPROVE, Action.KEY_CREATE),
        (None, PEOPLE[2], 3, "nothing"),
        days,
        (None, events[COUNT // 2]),
    ):
        if actor and changed:
            # What was done to one thing is little enough to be looked through.
            continue
        chosen = Filters(actor, action, changed, since, until)
        fields = ("actor.id", "on_behalf_of") if actor else ("",)
        found = [audit_trail._found(chosen, place, field).limit(51).explain()["executionStats"] for field in fields]
        stats = {
            name: sum(one[name] for one in found) for name in ("nReturned", "totalDocsExamined", "totalKeysExamined")
        }
        told = f"{chosen} {stats['nReturned']}: {stats['totalDocsExamined']}, {stats['totalKeysExamined']} keys"
        assert stats["totalDocsExamined"] <= stats["nReturned"] + 3, told
        assert stats["totalKeysExamined"] <= stats["nReturned"] + 4 * len(Action), told


def test_filters_name_people_numbers_and_ids():
    ada = make_user("ada@example.com")
    assert filters(actor=" ada@example.com ", object="ada@example.com") == Filters(str(ada.id), None, str(ada.id))
    assert filters(actor="root", object="# 42") == Filters("root", None, 42)
    assert filters(actor=" ", object="$ne") == Filters(None, None, "$ne")


def test_filters_combine_and_pages_go_on():
    ada, key = make_user("ada@example.com"), Actor("key", "k-1", "A key")
    AuditEvent.objects.delete()
    by_ada = actor_of(ada)
    by_key = Actor("key", "k-1", "A key", on_behalf_of=str(ada.id))
    for by, number in ((by_ada, 1), (by_key, 2), (key, 3), (by_ada, 2)):
        enter(by=by, object={"kind": "request", "id": f"o-{number}", "number": number})

    def numbers(**chosen):
        return [event["object"]["number"] for event in page(Filters(**chosen), by=OPERATOR)]

    assert numbers() == [2, 3, 2, 1]
    assert numbers(actor=str(ada.id)) == [2, 2, 1]
    assert numbers(actor="k-1") == [3, 2]
    assert numbers(actor=str(ada.id), object=2) == numbers(actor=str(ada.id), object="o-2") == [2, 2]
    assert numbers(action=Action.USER_CREATE) == numbers(until=START) == []
    assert numbers(action=Action.REQUEST_APPROVE, since=START) == [2, 3, 2, 1]
    first = page(Filters(actor=str(ada.id)), limit=2, by=OPERATOR)
    rest = page(Filters(actor=str(ada.id)), before=first[-1]["_id"], by=OPERATOR)
    assert [event["object"]["number"] for event in rest] == [1]


def test_only_who_may_read_the_trail_does():
    reader, other = make_user(roles=["admin"]), make_user(roles=["reviewer"])
    event = page(Filters(), by=actor_of(reader))[0]
    assert audit_trail.get(str(event["_id"]), by=actor_of(reader)) == (event, None)
    for read in (
        lambda by: page(Filters(), by=by),
        lambda by: audit_trail.get(str(event["_id"]), by=by),
        lambda by: audit_trail.rows(Filters(), by=by),
    ):
        with pytest.raises(Forbidden):
            read(actor_of(other))
    for nothing in ("x", str(ObjectId())):
        with pytest.raises(NotFound):
            audit_trail.get(nothing, by=OPERATOR)


def test_all_rows_are_taken_along_in_batches_and_that_is_an_event(monkeypatch):
    monkeypatch.setattr(audit_trail, "BATCH", 3)
    for _ in range(8):
        enter()
    rows = list(audit_trail.rows(Filters(action=Action.REQUEST_APPROVE), by=OPERATOR))
    assert (len(rows), len({row["id"] for row in rows})) == (8, 8)
    assert set(rows[0]) == set(audit_trail.COLUMNS)
    event = AuditEvent.objects(action="audit.export").get()
    assert (event.after, event.actor["kind"]) == ({"action": "request.approve"}, "cli")


@pytest.mark.parametrize("asked", ["nobody@example.com", "+79991234567", "79991234567", "8 (999) 123-45-67"])
def test_an_address_or_a_number_that_is_nobodys_here_is_not_kept(asked):
    list(audit_trail.rows(Filters(actor=asked), by=OPERATOR))
    assert AuditEvent.objects(action="audit.export").get().after == {"actor": "–"}
