"""What Stripe tells of orders: each event has one right answer, however often and in whatever order it comes."""

import itertools
import json

import pytest

from app.models.domain_error import BadSignature, Forbidden, NotFound
from app.models.notification import Notification
from app.models.order import Order, Status
from app.models.user import User
from app.services import order_steps, orders, stripe_events, token_accounts
from tests.buying import came_of, entries_of, make_order, stored
from tests.factories import OPERATOR, make_admin, make_user
from tests.stripe_server import event, signed


@pytest.fixture
def order(stripe):
    return make_order()


def told(order, kind, stripe):
    """The event of this kind about the order's page, as Stripe tells it."""
    page = stripe.pages[order.checkout["id"]]
    if kind == "charge.refunded":
        return event(kind, stripe.refund(page["payment_intent"]))
    if kind == "checkout.session.expired":
        return event(kind, {**page, "status": "expired", "payment_status": "unpaid", "payment_intent": None})
    return event(kind, dict(page))


def tell(told, **signature):
    payload = json.dumps(told).encode()
    stripe_events.receive(payload, signed(payload, **signature))


def pay(order, stripe, **differently):
    return event("checkout.session.completed", stripe.pay(order.checkout["id"], **differently))


def test_a_payment_credits_the_order_once_however_often_it_is_told(order, stripe):
    before = token_accounts.view(order.user).available
    paid = pay(order, stripe)
    for _ in range(100):
        tell(paid)
    assert token_accounts.view(order.user).available == before + 50_000
    assert came_of(order) == {"purchase": 1, "order_paid": 1, "order.pay": 1}
    assert stored(order)["payment"] == stripe.pages[order.checkout["id"]]["payment_intent"]


def test_twenty_copies_at_once_credit_once(order, stripe, threads):
    paid = pay(order, stripe)
    assert threads(lambda _i: tell(paid), 20) == [None] * 20
    assert entries_of(order) == [("purchase", 50_000)]


KINDS = {
    "checkout.session.expired": Status.CANCELLED,
    "checkout.session.completed": Status.PAID,
    "charge.refunded": Status.REFUNDED,
}


def check_sequence(user, stripe, sequence):
    """Tells of an order in this sequence: the precedence alone says where it ends, and what is credited."""
    order, seen = make_order(user), [KINDS[kind] for kind in sequence]
    pay(order, stripe)
    for kind in sequence:
        tell(told(order, kind, stripe))
    until_refund = itertools.takewhile(lambda status: status is not Status.REFUNDED, seen)
    entries = [("purchase", 50_000)] if Status.PAID in until_refund else []
    if entries and Status.REFUNDED in seen:
        entries.insert(0, ("revocation", -50_000))
    after = stored(order)
    assert after["status"] == max(seen, key=list(Status).index), sequence
    assert (entries_of(order), after["due"]) == (entries, []), sequence


def test_every_order_of_events_ends_as_the_highest_of_them(stripe):
    user = make_user()
    for length in (1, 2, 3):
        for sequence in itertools.permutations(KINDS, length):
            check_sequence(user, stripe, sequence)


@pytest.mark.long
def test_so_it_does_however_often_each_of_them_comes(stripe):
    user = make_user()
    for sequence in itertools.product(KINDS, repeat=4):
        check_sequence(user, stripe, sequence)


FORGERIES = {
    "no header": lambda _payload: None,
    "an empty header": lambda _payload: "",
    "no signature in it": lambda _payload: "t=1",
    "nonsense": lambda _payload: "nonsense",
    "another secret": lambda payload: signed(payload, secret="whsec_other"),
    "an empty secret": lambda payload: signed(payload, secret=""),
    "a signature of something else": lambda payload: signed(payload + b" "),
    "one that is too old": lambda payload: signed(payload, at=1_700_000_000),
    "letters that no signature has": lambda _payload: "t=1,v1=\xe9",
    "a time that is no time": lambda _payload: f"t={'9' * 30},v1=0",
    "an old scheme": lambda payload: signed(payload).replace("v1=", "v0="),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_what_stripe_has_not_signed_changes_nothing(order, stripe, forge):
    payload = json.dumps(pay(order, stripe)).encode()
    with pytest.raises(BadSignature):
        stripe_events.receive(payload, forge(payload))
    assert (stored(order)["status"], entries_of(order)) == ("created", [])


@pytest.mark.parametrize("secret", ["", "  "])
def test_without_a_secret_nothing_is_taken_whoever_signed_it(app, monkeypatch, order, stripe, secret):
    monkeypatch.setitem(app.config, "STRIPE_WEBHOOK_SECRET", secret)
    with pytest.raises(NotFound):
        tell(pay(order, stripe), secret=secret)
    assert stored(order)["status"] == "created"


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b'"text"'])
def test_what_is_signed_and_no_event_is_refused(stripe, payload):
    with pytest.raises(BadSignature):
        stripe_events.receive(payload, signed(payload) if payload != b"\xff\xfe" else "t=1,v1=0")


def test_events_of_no_meaning_for_us_are_taken_and_left_alone(stripe):
    for one in (
        {},
        {"type": "checkout.session.completed"},
        {"type": ["checkout.session.completed"], "data": {"object": {}}},
        event("checkout.session.completed", {}),
        event("checkout.session.completed", {"metadata": None}),
        event("checkout.session.completed", {"metadata": {"order": None}}),
        event("checkout.session.completed", {"metadata": {"order": {"$ne": None}}}),
        event("checkout.session.completed", {"metadata": {"order": "f" * 24}, "payment_status": "paid"}),
        event("charge.refunded", {"metadata": {}, "refunded": True}),
        event("charge.refunded", {"metadata": {"order": "f" * 24}, "refunded": True}),
        event("customer.created", {"id": "cus_1"}),
        event("checkout.session.expired", "cs_1"),
    ):
        tell(one)
    assert Order.objects.count() == 0


DIFFERENCES = {
    "less money": ({"amount_total": 14_899}, "amount"),
    "more money": ({"amount_total": 14_901}, "amount"),
    "the price as text": ({"amount_total": "14900"}, "amount"),
    "whole units": ({"amount_total": 149}, "amount"),
    "no amount": ({"amount_total": None}, "amount"),
    "another currency": ({"currency": "usd"}, "currency"),
    "no currency": ({"currency": None}, "currency"),
    "another user": ({"client_reference_id": "f" * 24}, "page"),
    "no user": ({"client_reference_id": None}, "page"),
    "another page": ({"id": "cs_test_other"}, "page"),
}


@pytest.mark.parametrize(("differently", "what"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_payment_that_is_not_the_orders_is_noted_once_and_credits_nothing(order, stripe, differently, what):
    paid = pay(order, stripe, **differently)
    for _ in range(3):
        tell(paid)
    after = stored(order)
    assert (after["status"], [one["what"] for one in after["discrepancies"]]) == ("created", [what])
    assert entries_of(order) == []


def test_who_manages_billing_hears_of_what_does_not_fit(order, stripe):
    admin = make_admin()
    paid = pay(order, stripe, amount_total=1)
    tell(paid)
    tell({**paid, "id": "evt_again"})
    assert [(one.kind, one.url) for one in Notification.objects(user=admin.id)] == [
        ("order_discrepancy", f"/admin/orders/{order.number}")
    ]
    assert stored(order)["due"] == []


def test_a_refund_of_what_could_not_be_credited_is_taken(order, stripe):
    User.objects(id=order.user).delete()
    tell(pay(order, stripe))
    tell(told(order, "charge.refunded", stripe))
    assert (stored(order)["status"], stored(order)["due"]) == ("refunded", [])


def test_a_page_that_names_somebody_elses_order_pays_neither(order, stripe):
    other = make_order()
    page = stripe.pay(order.checkout["id"])
    tell(event("checkout.session.completed", {**page, "metadata": {"order": str(other.id)}}))
    assert [stored(one)["status"] for one in (order, other)] == ["created", "created"]
    assert [one["what"] for one in stored(other)["discrepancies"]] == ["page"]


def test_an_order_that_is_paid_by_hand_is_not_paid_by_an_event(app, monkeypatch, stripe):
    monkeypatch.setitem(app.config, "PAYMENT_PROVIDER", "manual")
    order = make_order()
    facts = {"id": "cs", "metadata": {"order": str(order.id)}, "client_reference_id": str(order.user)}
    paid = {"payment_status": "paid", "amount_total": order.price_minor, "currency": "rub"}
    tell(event("checkout.session.completed", {**facts, **paid}))
    assert stored(order)["status"] == "created"
    order_steps.confirm(order, by=OPERATOR)
    tell(event("charge.refunded", {**facts, "refunded": True, "payment_intent": "pi_other"}))
    assert stored(order)["status"] == "paid"


def test_a_page_whose_name_was_lost_in_a_crash_still_pays_its_order(order, stripe):
    Order.objects(id=order.id).update(checkout=None)
    tell(pay(order, stripe))
    assert entries_of(order) == [("purchase", 50_000)]


def test_a_payment_that_takes_days_pays_when_it_comes(order, stripe):
    tell(pay(order, stripe, payment_status="unpaid"))
    assert stored(order)["status"] == "created"
    stripe.pages[order.checkout["id"]]["payment_status"] = "paid"
    tell(told(order, "checkout.session.async_payment_succeeded", stripe))
    assert stored(order)["status"] == "paid"


def test_a_payment_that_failed_on_its_way_ends_the_order(order, stripe):
    tell(event("checkout.session.async_payment_failed", {**stripe.pages[order.checkout["id"]]}))
    assert stored(order)["status"] == "cancelled"
    assert came_of(order) == {"order.cancel": 1}


def test_a_part_given_back_is_for_people_to_see_and_the_whole_ends_the_order(order, stripe):
    tell(pay(order, stripe))
    payment = stored(order)["payment"]
    tell(event("charge.refunded", dict(stripe.refund(payment, 5_000))))
    after = stored(order)
    assert (after["status"], [one["what"] for one in after["discrepancies"]]) == ("paid", ["partial_refund"])
    assert (after["discrepancies"][0]["amount"], after["discrepancies"][0]["currency"]) == (5_000, "RUB")
    tell(event("charge.refunded", dict(stripe.refund(payment, 9_900))))
    assert (stored(order)["status"], entries_of(order)[0]) == ("refunded", ("revocation", -50_000))


def test_a_refund_of_another_payment_is_noted(order, stripe):
    tell(pay(order, stripe))
    charge = {**stripe.refund(stored(order)["payment"]), "payment_intent": "pi_other"}
    tell(event("charge.refunded", charge))
    assert (stored(order)["status"], stored(order)["discrepancies"][0]["what"]) == ("paid", "payment")


def test_only_stripe_says_that_an_order_is_paid_there(order):
    with pytest.raises(Forbidden):
        order_steps.confirm(order, by=OPERATOR)
    assert orders.by_id(order.id).status == "created"
