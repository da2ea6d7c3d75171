"""`/api/stripe/events`, as Stripe calls it; what each event does is told in tests/services/test_stripe_events.py."""

import json

import pytest

from tests.buying import make_order, stored
from tests.stripe_server import event, signed


@pytest.fixture
def order(stripe):
    return make_order()


def send(client, payload, signature):
    headers = {"Stripe-Signature": signature} if signature is not None else {}
    return client.post(
        "/api/stripe/events", data=payload, content_type="application/json", headers=headers, origin=None
    )


def paid(order, stripe):
    return json.dumps(event("checkout.session.completed", stripe.pay(order.checkout["id"]))).encode()


def test_a_signed_event_is_taken_without_key_session_or_origin(client, order, stripe):
    payload = paid(order, stripe)
    for _ in range(3):
        response = send(client, payload, signed(payload))
        assert (response.status_code, response.json) == (200, {"received": True})
    assert stored(order)["status"] == "paid"


def test_it_is_the_bytes_that_are_signed(client, order, stripe):
    """However they are spaced, and in whatever order."""
    payload = paid(order, stripe).replace(b", ", b" ,\n ")
    assert send(client, payload, signed(payload)).status_code == 200


def test_what_is_not_signed_is_refused(client, order, stripe):
    payload = paid(order, stripe)
    for signature in (None, "", "t=1,v1=0", signed(payload, secret="whsec_other"), signed(payload, secret="")):
        response = send(client, payload, signature)
        assert (response.status_code, response.json["code"]) == (400, "bad_signature"), signature
    assert stored(order)["status"] == "created"


def test_what_is_too_large_or_cut_off_is_refused(client, order, stripe):
    payload = b" " * 70_000 + paid(order, stripe)
    assert send(client, payload, signed(payload)).status_code == 413
    assert send(client, payload[-100:], signed(payload)).status_code == 400
    assert stored(order)["status"] == "created"


def test_what_concerns_nobody_here_is_taken_so_that_it_is_not_sent_again(client, stripe):
    payload = json.dumps(event("invoice.paid", {"id": "in_1"})).encode()
    assert send(client, payload, signed(payload)).status_code == 200


def test_without_a_secret_there_is_nothing_at_the_address(app, client, monkeypatch, order, stripe):
    monkeypatch.setitem(app.config, "STRIPE_WEBHOOK_SECRET", "")
    payload = paid(order, stripe)
    assert send(client, payload, signed(payload, secret="")).status_code == 404
    assert client.get("/api/stripe/events").status_code == 405
