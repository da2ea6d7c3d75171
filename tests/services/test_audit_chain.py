"""The chain over the trail: each kind of tampering with it is found, and the first wrong event is named."""

import pytest
from bson import ObjectId
from mongoengine.connection import get_db

from app.models.audit_seal import BEGINNING
from app.services import audit_anchors, audit_sealing, audit_verify
from tests.sealing import enter, sealed_trail

LENGTH = 12


@pytest.fixture
def events():
    sealed_trail(LENGTH)
    return get_db().audit_events


@pytest.fixture
def seals():
    return get_db().audit_seals


def event_of(seq):
    return get_db().audit_seals.find_one({"_id": seq})["event"]


def verified(**more):
    report = audit_verify.verify(**more)
    return report.problem and (report.problem.seq, report.problem.what)


def swap(collection, one, other, *fields):
    """Exchanges these fields, or all but the ids, of two documents."""
    first, second = (collection.find_one({"_id": _id}) for _id in (one, other))
    for mine, theirs in ((first, second), (second, first)):
        taken = {name: theirs[name] for name in fields or theirs if name != "_id"}
        collection.update_one({"_id": mine["_id"]}, {"$set": taken})


def test_each_event_has_a_link_that_names_the_one_before(events, seals):
    chain = list(seals.find().sort("_id", 1))
    assert [seal["_id"] for seal in chain] == list(range(1, LENGTH + 1))
    assert [seal["previous"] for seal in chain] == [BEGINNING, *(seal["hash"] for seal in chain[:-1])]
    assert [seal["event"] for seal in chain] == [event["_id"] for event in events.find().sort("_id", 1)]
    assert all(events.find_one({"_id": seal["event"]})["seq"] == seal["_id"] for seal in chain)
    assert verified() is None
    assert audit_verify.verify().sealed == LENGTH


def test_a_chain_without_events_is_whole():
    audit_anchors.keep_up()
    assert (verified(), audit_verify.verify().sealed, audit_anchors.drop()) == (None, 0, None)


def test_what_is_not_sealed_yet_is_counted_and_sealed_later(events):
    enter()
    assert (verified(), audit_verify.verify().waiting) == (None, 1)
    assert (audit_sealing.seal_waiting(), audit_sealing.seal_waiting()) == (1, 0)
    assert (verified(), audit_verify.verify().waiting) == (None, 0)


def test_a_long_trail_is_sealed_and_verified_in_parts(monkeypatch):
    monkeypatch.setattr(audit_sealing, "BATCH", 5)
    monkeypatch.setattr(audit_verify, "CHUNK", 4)
    sealed_trail(19)
    steps = []
    assert audit_verify.verify(step=steps.append).problem is None
    assert steps == [4, 4, 4, 4, 3]


# Each field of an event, and what a forger might make of it.
CHANGES = {
    "at": {"$set": {"at": ObjectId().generation_time}},
    "action": {"$set": {"action": "request.reject"}},
    "who": {"$set": {"actor.id": "6b00db0dd0c5e187ff3a69b9"}},
    "kind of actor": {"$set": {"actor.kind": "cli"}},
    "name": {"$set": {"actor.name": "Eve"}},
    "no name": {"$unset": {"actor.name": ""}},
    "object": {"$set": {"object.id": "other"}},
    "object's number": {"$set": {"object.number": 999}},
    "number before": {"$set": {"before.used": 6}},
    "text before": {"$set": {"before.status": "spam"}},
    "text after": {"$set": {"after.status": "rejected"}},
    "list after": {"$push": {"after.words": "c"}},
    "a value more": {"$set": {"after.more": 1}},
    "a text more": {"$set": {"after.note": "more"}},
    "a value less": {"$unset": {"before.used": ""}},
    "reason": {"$set": {"reason": "No reason."}},
    "reason and its salt": {"$set": {"reason": "No reason."}, "$unset": {"salts.reason": ""}},
    "no reason": {"$set": {"reason": ""}},
    "no reason and no salt": {"$set": {"reason": ""}, "$unset": {"salts.reason": ""}},
    "as if erased for somebody": {
        "$set": {"reason": "", "erased": [str(ObjectId())]},
        "$unset": {"salts.reason": ""},
    },
    "as if erased for nobody": {"$set": {"reason": "", "erased": []}, "$unset": {"salts.reason": ""}},
    "a text that is nobody's": {"$set": {"after.status": "–", "erased": ["x"]}, "$unset": {"salts.after.status": ""}},
    "address": {"$set": {"address": "192.0.2.2"}},
    "request": {"$set": {"request_id": "r-2"}},
    "no request": {"$unset": {"request_id": ""}},
    "batch": {"$set": {"batch": "b"}},
    "outcome": {"$set": {"outcome": "failed"}},
    "on whose behalf": {"$set": {"on_behalf_of": "u"}},
    "key": {"$set": {"key": "other"}},
    "number": {"$set": {"seq": 7}},
    "salts": {"$unset": {"salts": ""}},
}


def test_a_changed_event_is_found(events):
    seq = 5
    original = events.find_one({"_id": event_of(seq)})
    for name, change in CHANGES.items():
        events.update_one({"_id": original["_id"]}, change)
        assert (verified() or (None, ""))[0] == seq, name
        assert verified()[1].startswith("changed"), name
        events.replace_one({"_id": original["_id"]}, original)
    assert verified() is None


def test_a_changed_seal_is_found(events, seals):
    original = seals.find_one({"_id": 5})
    changes = {
        "hash": {"hash": "0" * 64},
        "previous": {"previous": "0" * 64},
        "time": {"at": ObjectId().generation_time},
        "digest": {"digests.reason": "0" * 64},
        "a digest more": {"digests.note": "0" * 64},
        "event": {"event": ObjectId()},
    }
    for name, change in changes.items():
        seals.update_one({"_id": 5}, {"$set": change})
        assert verified()[0] == 5, name
        seals.replace_one({"_id": 5}, original)
    assert verified() is None


def test_a_removed_event_is_found(events, seals):
    event = event_of(5)
    events.delete_one({"_id": event})
    assert verified() == (5, "removed: its seal is there, the event is not")
    seals.delete_one({"_id": 5})
    assert verified() == (5, "its seal is missing; the next one is 6")
    # Whoever closes the gap as well breaks the chain there.
    for seal in list(seals.find({"_id": {"$gt": 5}}).sort("_id", 1)):
        seals.delete_one({"_id": seal["_id"]})
        seals.insert_one({**seal, "_id": seal["_id"] - 1})
        events.update_one({"_id": seal["event"]}, {"$set": {"seq": seal["_id"] - 1}})
    assert verified() == (5, "its seal does not follow the one before")


def test_an_inserted_event_is_found(events):
    forged = {**events.find_one({"_id": event_of(5)}), "_id": ObjectId(), "key": "forged"}
    events.insert_one(forged)
    assert verified() == (5, "inserted: the seal of this number is another event's")
    events.update_one({"_id": forged["_id"]}, {"$set": {"seq": LENGTH + 3}})
    assert verified() == (LENGTH + 3, "its seal is missing")


@pytest.mark.parametrize("seq", [0, -1, 2.5, "x", [3], True, float("nan")])
def test_an_event_with_a_number_that_no_sealer_gives_is_found(events, seq):
    copy = events.find_one({"_id": event_of(3)})
    events.insert_one({**copy, "_id": ObjectId(), "key": "a copy", "seq": seq})
    assert verified() == (0, "inserted: its number is none of the chain's")


def test_swapped_events_are_found(events, seals):
    one, other = event_of(4), event_of(9)
    swap(seals, 4, 9, "hash")
    assert verified()[0] == 4
    swap(seals, 4, 9, "hash")
    swap(events, one, other, "at", "actor", "before", "after", "reason")
    assert verified() == (4, "changed: the event is not what was sealed")
    swap(events, one, other, "at", "actor", "before", "after", "reason")
    assert verified() is None
    first, second = seals.find_one_and_delete({"_id": 4}), seals.find_one_and_delete({"_id": 9})
    seals.insert_many([{**first, "_id": 9}, {**second, "_id": 4}])
    assert verified()[0] == 4


def test_a_cut_tail_is_found_up_to_the_last_anchor(events, seals):
    anchor = audit_anchors.drop()
    assert anchor.seq == LENGTH
    sealed_trail(2)
    for last in (LENGTH, LENGTH - 3):
        cut = [seal["event"] for seal in seals.find({"_id": {"$gt": last}})]
        seals.delete_many({"_id": {"$gt": last}})
        assert verified()[0] == last + 1
        events.delete_many({"_id": {"$in": cut}})
        # What came after the last anchor can be lost without a trace, and no more.
        assert (verified() is None) == (last == LENGTH)
    assert verified() == (LENGTH - 2, f"cut off: an anchor says that the chain went on to {LENGTH}")
    # Where the anchor in the database is removed as well, the one that was kept elsewhere tells.
    get_db().audit_anchors.delete_many({})
    assert verified() is None
    assert verified(outside=[anchor])[0] == LENGTH - 2
    sealed_trail(5)
    assert verified() is None
    assert verified(outside=[anchor])[1].startswith("rewritten")


def test_a_chain_that_was_written_anew_is_found_by_an_anchor(events, seals):
    anchor = audit_anchors.drop()
    events.update_one({"_id": event_of(3)}, {"$set": {"before.used": 6}})
    seals.delete_many({})
    events.update_many({}, {"$unset": {"seq": ""}})
    audit_sealing.seal_waiting()
    assert verified()[0] == anchor.seq
    get_db().audit_anchors.delete_many({})
    assert (verified(), verified(outside=[anchor])[0]) == (None, anchor.seq)


def test_verifying_while_others_write_and_seal_finds_nothing(events, monkeypatch):
    monkeypatch.setattr(audit_verify, "CHUNK", 3)
    report = audit_verify.verify(step=lambda _: sealed_trail(1))
    assert (report.problem, report.sealed) == (None, LENGTH)
