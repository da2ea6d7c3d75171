"""Asking Stripe for what it told and nobody heard."""

from datetime import timedelta

import pytest

from app import clock
from app.models.due_item import due_item
from app.models.order import Order, Status
from app.services import due, order_steps, orders, reconciliation
from tests.buying import came_of, entries_of, make_order, stored
from tests.factories import OPERATOR


@pytest.fixture
def since():
    return clock.now() - timedelta(days=30)


def changes(since):
    return [
        (one.order.number, one.before, one.order.status) for one in reconciliation.reconcile(since) if one.has_changed
    ]


def test_a_paid_order_that_was_never_credited_is_credited_once(stripe, since, threads):
    order, unpaid = make_order(), make_order()
    stripe.pay(order.checkout["id"])
    assert reconciliation.count(since) == 2
    threads(lambda _i: list(reconciliation.reconcile(since)), 4)
    assert changes(since) == []
    assert [stored(one)["status"] for one in (order, unpaid)] == ["paid", "created"]
    assert entries_of(order) == [("purchase", 50_000)]
    assert came_of(order) == {"purchase": 1, "order_paid": 1, "order.pay": 1}


def test_whatever_happened_at_stripe_is_found(stripe, since):
    paid, cancelled, expired, refunded, part = (make_order() for _ in range(5))
    order_steps._move(cancelled, Status.CANCELLED, by=OPERATOR)
    for order in (paid, cancelled, refunded, part):
        stripe.pay(order.checkout["id"])
    stripe.pages[expired.checkout["id"]]["status"] = "expired"
    stripe.refund(stripe.pages[refunded.checkout["id"]]["payment_intent"])
    stripe.refund(stripe.pages[part.checkout["id"]]["payment_intent"], 100)
    assert changes(since) == [
        (1, "created", "paid"),
        (2, "cancelled", "paid"),
        (3, "created", "cancelled"),
        (4, "created", "refunded"),
        (5, "created", "paid"),
    ]
    assert changes(since) == []
    assert entries_of(refunded) == [("revocation", -50_000), ("purchase", 50_000)]
    assert [one["what"] for one in stored(part)["discrepancies"]] == ["partial_refund"]


def test_a_payment_of_another_amount_is_noted_and_not_credited(stripe, since):
    order = make_order()
    stripe.pay(order.checkout["id"], amount_total=1)
    assert changes(since) == []
    assert [one["what"] for one in stored(order)["discrepancies"]] == ["amount"]


def test_of_an_order_that_stripe_does_not_answer_for_nobody_can_tell_and_the_others_are_looked_at(stripe, since):
    orders_ = [make_order(), make_order()]
    for order in orders_:
        stripe.pay(order.checkout["id"])
    stripe.trouble = (500, "api_error")
    looked = list(reconciliation.reconcile(since))
    assert [bool(one.failure) for one in looked] == [True, False]
    assert [stored(one)["status"] for one in orders_] == ["created", "paid"]


def test_what_is_not_in_question_is_not_asked_for(app, monkeypatch, stripe, since):
    done = make_order()
    order_steps.refunded(done)
    old = make_order()
    Order.objects(id=old.id).update(created_at=since - timedelta(days=1))
    monkeypatch.setitem(app.config, "PAYMENT_PROVIDER", "manual")
    make_order()
    stripe.asked.clear()
    assert list(reconciliation.reconcile(since)) == []
    assert stripe.asked == []


def test_what_could_not_be_done_is_done_again(since):
    order = make_order()
    lost = due_item(
        "k",
        "account.revoke",
        at=order.created_at,
        user=order.user,
        undoes="later",
        by=OPERATOR.stamp(),
        reason="x",
        reference=None,
    )
    Order._get_collection().update_one({"_id": order.id}, {"$push": {"due": {**lost, "failed": "Not found."}}})
    [looked] = reconciliation.reconcile(since)
    assert looked.failure == "Not found."
    order_steps.confirm(order, by=OPERATOR)
    Order._get_collection().update_one({"_id": order.id}, {"$set": {"due.0.arguments.undoes": order.credit_key}})
    assert orders.stuck()[0].id == order.id
    [looked] = reconciliation.reconcile(since)
    assert (looked.failure, looked.has_changed, stored(order)["due"]) == ("", True, [])


def test_what_a_crash_left_over_needs_no_worker(since, monkeypatch):
    order = make_order()
    with monkeypatch.context() as died:
        died.setattr(due, "perform", lambda *_: True)
        order_steps.confirm(order, by=OPERATOR)
    [looked] = reconciliation.reconcile(since)
    assert (looked.has_changed, entries_of(order)) == (True, [("purchase", 50_000)])


def test_an_index_serves_the_questions(since):
    for status in (Status.CREATED, Status.PAID, Status.REFUNDED):
        make_order(status=status)
    for query in (Order.objects.unfinished()._query, reconciliation._in_question(since)):
        plan = Order._get_collection().find(query).sort("created_at", 1).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
        assert plan["executionStats"]["totalDocsExamined"] == 0
