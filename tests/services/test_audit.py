"""The trail: each change once, with everything that was known of it."""

from datetime import UTC, datetime

import pytest
from mongoengine import ValidationError

from app.models.actor import SYSTEM, Actor
from app.models.audit_event import Action, AuditEvent
from app.services import audit

AT = datetime(2026, 11, 20, tzinfo=UTC)
ADAM = Actor("user", "6b00db0dd0c5e187ff3a69b8", "Adam", address="192.0.2.1", request_id="r-1")


def record(key="a", actor=ADAM, **values):
    event = {"action": Action.REQUEST_APPROVE, "object": {"kind": "request", "id": "x", "number": 7}, "at": AT}
    audit.record(key=key, actor=actor.trail(), **event | values)


def test_an_event_holds_who_did_what_to_what():
    record(before={"status": "pending"}, after={"status": "approved"}, reason="$why", on_behalf_of="u-1")
    event = AuditEvent.objects.get().to_mongo().to_dict()
    del event["_id"]
    assert event == {
        "key": "a",
        "at": AT,
        "action": "request.approve",
        "actor": {"kind": "user", "id": ADAM.id, "name": "Adam"},
        "on_behalf_of": "u-1",
        "object": {"kind": "request", "id": "x", "number": 7},
        "before": {"status": "pending"},
        "after": {"status": "approved"},
        "reason": "$why",
        "address": "192.0.2.1",
        "request_id": "r-1",
        "outcome": "done",
    }


def test_one_key_from_50_threads_is_one_event(threads):
    assert threads(lambda _: record(), 50) == [None] * 50
    assert AuditEvent.objects.count() == 1


def test_a_repeat_changes_nothing():
    record(reason="first")
    record(reason="second")
    assert AuditEvent.objects.get().reason == "first"


def test_the_system_leaves_no_address():
    record(actor=SYSTEM)
    assert AuditEvent.objects.get().address is None


def test_an_unknown_action_is_refused():
    with pytest.raises(ValidationError):
        record(action="request.dance")
    assert AuditEvent.objects.count() == 0
