"""A process that dies at any statement of what is done about a listing: what was decided is finished later, once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId

from app import clock
from app.models.audit_event import AuditEvent
from app.models.notification import Notification
from app.services import (
    catalogue,
    catalogue_removal,
    due,
    listing_requests,
    review,
    supports,
    token_list,
    token_requests,
)
from tests.effects import stored
from tests.factories import OPERATOR, actor_of, make_user
from tests.steps import make_listing


def edit(one):
    elsewhere = {"blockchain": "ethereum", "contract_address": f"0x{'6' * 16}{ObjectId()}"}
    return listing_requests.edit(one, version=1, token_symbol="GOLD", token_name="Gold", **elsewhere)


def listed():
    return review.approve(make_listing(), by=OPERATOR)


# What is done, to which request.
WAYS: dict[str, tuple[Callable[[], object], Callable[..., object]]] = {
    "approve": (make_listing, lambda one: review.approve(one, by=OPERATOR)),
    "reject": (make_listing, lambda one: review.reject(one, by=OPERATOR)),
    "revoke": (listed, lambda one: review.revoke(one, by=OPERATOR, reason="A scam.")),
    "remove": (listed, lambda one: catalogue_removal.remove(catalogue.find(one.number), by=OPERATOR, reason="Gone.")),
    "edit": (make_listing, edit),
}


def state(one, supporter):
    """All that was to come of it, and nothing twice."""
    document = stored(one)
    published = token_list.stored()
    addresses = [token["address"] for token in published["tokens"]] if published else []
    return {
        "status": document["status"],
        "slot": "open_key" in document,
        "due": document["due"],
        "listed": [token.number for token in catalogue.page()].count(one.number),
        "published": addresses.count(one.contract_address),
        "audited": AuditEvent.objects(object__number=one.number).count(),
        "told": sorted(Notification.objects(user=one.user).scalar("kind")),
        "supporter": list(Notification.objects(user=supporter.id).scalar("kind")),
    }


def prepared(way):
    one, supporter = WAYS[way][0](), make_user()
    if one.is_open:
        supports.support(supporter, one.number, by=actor_of(supporter))
    return token_requests.by_id(one.id), supporter


def finish():
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=False):
        while due.perform_waiting():
            pass


# The quick suite lets it die at some statements.
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.long)], ids=["some", "all"])
@pytest.mark.parametrize("way", WAYS)
def test_it_has_happened_wholly_or_not_at_all(way, every, statements):
    one, supporter = prepared(way)
    before = state(one, supporter)
    statements.said.clear()
    WAYS[way][1](one)
    steps, after = len(statements.said), state(one, supporter)
    assert before != after
    for at in range(1, steps + 1, every):
        for dies_after in (False, True) if every == 1 else (at % 2 == 0,):
            one, supporter = prepared(way)
            with statements.dying(at, after=dies_after):
                WAYS[way][1](one)
            finish()
            assert state(one, supporter) in (before, after), (at, dies_after)
