"""Sealing: one unbroken chain, whoever writes, seals or is killed at it; and what is left of an erased person."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from mongoengine.connection import get_db

from app import clock
from app.models.domain_error import InvalidInput
from app.models.user import User
from app.services import account_deletion, audit_anchors, audit_sealing, audit_verify
from tests.factories import OPERATOR, actor_of, make_user
from tests.killing import Killer, forks, killed_at_each, run_and_kill
from tests.processes import wait_until
from tests.sealing import enter, sealed_trail

pytestmark = forks

# Salts, the seals, their numbers on the events: before each is sent, and after its answer.
WRITES = [("update", 1), ("update", 2), ("insert", 1), ("insert", 2), ("update", 3)]


def check_whole(length):
    """One chain over all events that there are."""
    audit_sealing.seal_waiting(batches=length)
    report = audit_verify.verify()
    assert (report.problem, report.sealed, report.waiting) == (None, length, 0)
    assert get_db().audit_events.count_documents({}) == length


def test_64_writers_and_two_sealers_leave_one_unbroken_chain(threads, monkeypatch):
    monkeypatch.setattr(audit_sealing, "BATCH", 7)

    def work(number):
        if number < 2:
            return sum(audit_sealing.seal_waiting() for _ in range(3))
        return enter()

    sealed = threads(work, 66)
    assert [one for one in sealed if isinstance(one, Exception)] == []
    check_whole(64)


def test_64_writers_two_sealers_and_sealers_killed_meanwhile_leave_one_unbroken_chain(
    mongodb_uri, threads, monkeypatch
):
    monkeypatch.setattr(audit_sealing, "BATCH", 7)
    processes = multiprocessing.get_context("fork")
    begun, over = processes.Semaphore(0), processes.Event()
    dying = []

    def seal_until_killed():
        begun.release()
        while not over.is_set():
            audit_sealing.seal_waiting()

    def all_killed():
        return all(one.done() for one in dying)

    def work(number):
        done = 0
        while not (done and all_killed()):
            if number < 2:
                audit_sealing.seal_waiting()
            else:
                enter()
            done += 1
        return done

    with ThreadPoolExecutor(len(WRITES)) as pool:
        try:
            # A fork beside the writers could inherit a lock that one of them holds; so these wait for the first event.
            for command, nth in WRITES:
                one = pool.submit(run_and_kill, mongodb_uri, Killer(nth, command), seal_until_killed)
                dying.append(one)
                wait_until(lambda one=one: begun.acquire(block=False) or one.done(), 90)
            rounds = threads(work, 66)
        finally:
            over.set()
    assert [one.result() for one in dying] == [True] * len(WRITES)
    assert [one for one in rounds if isinstance(one, Exception)] == []
    check_whole(sum(rounds[2:]))


def test_of_sealers_at_once_each_event_is_sealed_by_one(threads):
    for _ in range(20):
        enter()
    assert sum(threads(lambda _: audit_sealing.seal_waiting(), 4)) == 20
    check_whole(20)


def test_a_sealer_killed_at_a_write_leaves_one_unbroken_chain(mongodb_uri):
    length = 0
    for command, nth in WRITES:
        enter()
        enter()
        length += 2
        assert run_and_kill(mongodb_uri, Killer(nth, command), audit_sealing.seal_waiting)
        check_whole(length)


@pytest.mark.long
def test_a_sealer_killed_at_any_moment_leaves_one_unbroken_chain(mongodb_uri):
    length = 0

    def prepare():
        nonlocal length
        length += 3
        for _ in range(3):
            enter()

    for _, _killed in killed_at_each(mongodb_uri, prepare, lambda _: audit_anchors.keep_up()):
        check_whole(length)
    assert length > 30


def test_an_erased_person_leaves_a_chain_that_holds():
    person, other = make_user("zebedee@example.com", name="Zebedee"), make_user("ada@example.com")
    name, address = actor_of(person).name, "192.0.2.99"
    by = replace(actor_of(person), address=address)
    for actor in (by, OPERATOR):
        enter(by=actor, object={"kind": "user", "id": str(person.id)}, reason="About Zebedee")
    enter(by=by, object={"kind": "user", "id": str(other.id)}, reason="About Ada")
    audit_sealing.seal_waiting()
    # Of these some texts are erased before they are sealed.
    enter(by=by, object={"kind": "user", "id": str(person.id)}, reason="About Zebedee, again")
    before = audit_verify.verify()
    account_deletion.delete(person.id, proof=person.email, by=actor_of(person))
    audit_sealing.seal_waiting()
    report = audit_verify.verify()
    assert (before.problem, before.erased) == (None, 0)
    assert (report.problem, report.erased) == (None, 3)
    events = list(get_db().audit_events.find())
    assert name not in str(events)
    assert address not in str(events)
    assert sorted(event["reason"] for event in events if event["reason"]) == ["About Ada"]
    # Without its salt the digest that is left can be compared with no guess.
    (about_ada,) = [event for event in events if event["reason"]]
    assert about_ada["salts"].keys() >= {"reason", "before", "after"}
    assert (about_ada["salts"].get("actor"), about_ada["salts"].get("address")) == ({}, None)
    # Somebody who is there was not erased.
    User.objects(id=person.id).update(unset__deleted_at=True)
    assert "nobody who deleted" in audit_verify.verify().problem.what


def test_an_anchor_is_dropped_every_ten_minutes_while_something_happens(app, tmp_path, monkeypatch, caplog):
    file = tmp_path / "anchors.txt"
    monkeypatch.setitem(app.config, "AUDIT_ANCHOR_FILE", str(file))
    caplog.set_level("INFO")
    start, lengths = clock.now(), []
    for minutes in (0, 1, 9, 10, 11, 40):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            enter()
            audit_anchors.keep_up()
            lengths.append(len(file.read_text().splitlines()))
    assert lengths == [1, 1, 1, 2, 2, 3]
    with time_machine.travel(start + timedelta(minutes=80)):
        audit_anchors.keep_up()
    with file.open() as lines:
        outside = list(audit_anchors.read(lines))
    assert [anchor.seq for anchor in outside] == [1, 4, 6]
    assert outside == list(audit_anchors.kept())
    assert [text for text in caplog.messages if "audit anchor" in text] == [
        f"audit anchor {one.line()}" for one in outside
    ]
    assert audit_verify.verify(outside=outside).problem is None


def test_an_anchor_that_cannot_be_written_down_is_tried_again(app, tmp_path, monkeypatch):
    monkeypatch.setitem(app.config, "AUDIT_ANCHOR_FILE", str(tmp_path / "missing" / "anchors.txt"))
    enter()
    with pytest.raises(FileNotFoundError):
        audit_anchors.keep_up()
    (tmp_path / "missing").mkdir()
    audit_anchors.keep_up()
    assert [anchor.seq for anchor in audit_anchors.kept()] == [1]
    check_whole(1)


def test_a_file_of_anchors_is_read_strictly():
    sealed_trail(1)
    line = audit_anchors.drop().line()
    assert list(audit_anchors.read([f"{line}\n", "\n"])) == [audit_anchors.drop()]
    for wrong in ("1", "one two three", f"{line} more", f"1 {'a' * 64} yesterday"):
        with pytest.raises(InvalidInput, match="Line 2 is no anchor"):
            list(audit_anchors.read([line, wrong]))
