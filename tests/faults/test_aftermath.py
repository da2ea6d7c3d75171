"""What is checked when the killing is over says something only where there is something to check."""

from mongoengine.connection import get_db

from app.services import audit_sealing
from tests.factories import make_request
from tests.faults import aftermath
from tests.sealing import enter


def test_what_proves_nothing_is_no_proof(app):
    said = list(aftermath.refused_proofs(app))
    assert [one.partition(":")[0] for one in said] == ["flask ledger verify", "flask audit verify"]


def test_all_that_waits_is_sealed_and_proven(app, monkeypatch):
    # A round of the worker seals eight of them.
    monkeypatch.setattr(audit_sealing, "BATCH", 2)
    make_request(used=10)
    for _ in range(20):
        enter()
    assert aftermath.check(app) == []


def test_what_was_changed_is_named(app):
    make_request(used=10)
    assert list(aftermath.refused_proofs(app)) == []
    get_db().audit_events.update_one({"seq": 1}, {"$set": {"action": "user.delete"}})
    get_db().token_accounts.update_one({}, {"$inc": {"balance": 1}})
    ledger, audit = aftermath.refused_proofs(app)
    assert "1 of 1 accounts are wrong" in ledger
    assert "the event is not what was sealed" in audit
