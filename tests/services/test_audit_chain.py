"""The chain over the trail: one link for each event, whoever seals and whatever dies; and what erasing a person leaves of it."""

import pytest

from app.models.actor import Actor
from app.models.audit_event import Action, AuditEvent
from app.models.audit_seal import AuditSeal
from app.services import audit, audit_sealing, audit_verify
from tests.sealing import enter, sealed_trail

def test_a(threads):
    sealed_trail(10)
    print(audit_verify.verify())
    assert audit_verify.verify().problem is None
    assert audit_verify.verify().sealed == 10
