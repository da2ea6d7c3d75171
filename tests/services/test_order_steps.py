"""What becomes of orders: who may take which step, and what follows from it, once."""

import itertools

import pytest

from app import clock
from app.models.audit_event import AuditEvent
from app.models.delivery import Delivery
from app.models.domain_error import AlreadyDecided, Forbidden, InvalidInput, NotPaid, WorkOutstanding
from app.models.order import Order, Status
from app.models.user import User
from app.models.webhook import Webhook
from app.services import due, order_steps, orders, token_accounts, user_changes
from app.services.taking_back import Return
from tests.buying import came_of, entries_of, make_order, stored
from tests.effects import outcome
from tests.factories import OPERATOR, actor_of, make_admin, make_user

STEPS = {
    "confirm": lambda order, by: order_steps.confirm(order, by=by),
    "cancel": lambda order, by: order_steps.cancel(order, by=by),
    "refund": lambda order, by: order_steps.refund(order, by=by, reason="Ordered twice"),
}


@pytest.fixture
def ada():
    return make_user("ada@example.com", name="Ada")


@pytest.fixture
def order(ada):
    return make_order(ada)


def available(order):
    return token_accounts.view(order.user).available


def test_a_confirmed_payment_credits_the_tokens_tells_the_user_and_is_in_the_trail(order):
    before, bob = available(order), make_admin(name="Bob")
    confirmed = order_steps.confirm(order, by=actor_of(bob), note="Transfer 4711")
    assert (confirmed.status, available(order)) == ("paid", before + 50_000)
    assert came_of(order) == {"purchase": 1, "order_paid": 1, "order.confirm": 1}
    assert stored(order)["due"] == []
    [event] = AuditEvent.objects(action="order.confirm")
    assert (event.before, event.after, event.reason) == ({"status": "created"}, {"status": "paid"}, "Transfer 4711")
    assert orders.by_id(order.id).credit is None


def test_webhooks_hear_of_a_payment_once_by_ids_only(ada, order):
    events = {"url": "https://example.com/", "secret": "whsec_eA==", "events": ["order.paid"]}
    Webhook(created_at=clock.now(), idempotency_key="x", **events).save()
    refunded_unpaid = make_order(ada, status=Status.CANCELLED)
    for _ in range(2):
        order_steps.confirm(order, by=OPERATOR)
    order_steps.refund(order, by=OPERATOR, reason="Ordered twice")
    order_steps.refunded(refunded_unpaid)
    (told,) = Delivery.objects(what="order.paid")
    assert told.values == {"order": order.id, "number": order.number, "user": ada.id}


def test_each_step_is_open_to_some_from_some_statuses(ada):
    """Everybody tries every step from every status."""
    may = {
        ("confirm", "admin", "created"): "done",
        ("confirm", "admin", "cancelled"): "done",
        ("cancel", "admin", "created"): "done",
        ("cancel", "owner", "created"): "done",
        ("refund", "admin", "paid"): "done",
        ("refund", "admin", "created"): "NotPaid",
        ("refund", "admin", "cancelled"): "NotPaid",
    }
    people = {"admin": actor_of(make_admin()), "support": actor_of(make_user(roles=["support"]))}
    for step, who, status in itertools.product(STEPS, ["owner", *people], Status):
        order, by = make_order(ada, status=status), people.get(who) or actor_of(ada)
        is_barred = who == "support" or (who == "owner" and step != "cancel")
        expected = "Forbidden" if is_barred else may.get((step, who, str(status)), "AlreadyDecided")
        assert outcome(STEPS[step], order, by) == expected, (step, who, status)


def test_nobody_confirms_or_refunds_their_own_order():
    admin = make_admin()
    order = make_order(admin)
    assert outcome(STEPS["confirm"], order, actor_of(admin)) == "Forbidden"
    order_steps.confirm(order, by=OPERATOR)
    assert outcome(STEPS["refund"], order, actor_of(admin)) == "Forbidden"
    assert orders.by_id(order.id).status == "paid"


def test_the_same_step_by_the_same_person_has_the_same_answer_and_others_hear_who_was_first(order):
    bob, carol = (actor_of(make_admin(name=name)) for name in ("Bob", "Carol"))
    assert order_steps.confirm(order, by=bob).status == order_steps.confirm(order, by=bob).status == "paid"
    with pytest.raises(AlreadyDecided, match="Order #1 is already paid, by Bob on"):
        order_steps.confirm(order, by=carol)
    with pytest.raises(AlreadyDecided):
        order_steps.cancel(order, by=bob)
    assert came_of(order) == {"purchase": 1, "order_paid": 1, "order.confirm": 1}


def test_of_ten_admins_who_confirm_at_once_one_does(order, threads):
    admins = [actor_of(make_admin()) for _ in range(10)]
    before = available(order)
    outcomes = threads(lambda i: outcome(STEPS["confirm"], order, admins[i]), 10)
    assert sorted(outcomes) == ["AlreadyDecided"] * 9 + ["done"]
    assert available(order) == before + 50_000


def test_of_confirming_and_cancelling_at_once_the_payment_holds(ada, threads):
    for _ in range(5):
        order = make_order(ada)
        threads(lambda i, order=order: outcome(STEPS["confirm" if i % 2 else "cancel"], order, OPERATOR), 4)
        assert orders.by_id(order.id).status == "paid"
        assert entries_of(order) == [("purchase", 50_000)]


def test_a_user_who_cancels_leaves_no_trail_and_who_is_cancelled_hears_of_it(ada):
    own, other = make_order(ada), make_order(ada)
    order_steps.cancel(own, by=actor_of(ada))
    order_steps.cancel(other, by=OPERATOR, note="No money came.")
    assert came_of(own) == {}
    assert came_of(other) == {"order_cancelled": 1, "order.cancel": 1}


def test_a_payment_for_a_cancelled_order_pays_it(order):
    order_steps.cancel(order, by=OPERATOR)
    order_steps.confirm(order, by=OPERATOR)
    assert [step["to_status"] for step in stored(order)["history"]] == ["created", "cancelled", "paid"]
    assert entries_of(order) == [("purchase", 50_000)]


@pytest.mark.parametrize(("spent", "taken"), [(0, 50_000), (170_000, 30_000), (200_000, 0)])
def test_a_refund_takes_back_what_is_left_as_its_preview_says(order, spent, taken):
    order_steps.confirm(order, by=OPERATOR)
    if spent:
        token_accounts.spend(order.user, spent, by=OPERATOR)
    before = available(order)
    expected = Return(given=50_000, taken=taken)
    assert order_steps.forecast(order) == expected
    refunded = order_steps.refund(order, by=OPERATOR, reason="Ordered twice")
    assert order_steps.taken_back(refunded) == expected
    assert available(order) == before - taken
    assert came_of(order)["order.refund"] == came_of(order)["order_refunded"] == 1


def test_a_refund_needs_a_reason_and_a_payment(order):
    with pytest.raises(NotPaid):
        order_steps.refund(order, by=OPERATOR, reason="Why not")
    order_steps.confirm(order, by=OPERATOR)
    for reason in ("", " ", "x" * 501, "\x00", None):
        with pytest.raises(InvalidInput):
            order_steps.refund(order, by=OPERATOR, reason=reason)
    assert orders.by_id(order.id).status == "paid"


def test_what_is_not_credited_yet_is_credited_before_it_is_taken_back(order, monkeypatch):
    """The process died after the payment was written."""
    with monkeypatch.context() as died:
        died.setattr(due, "perform", lambda *_: False)
        order_steps.confirm(order, by=OPERATOR)
        with pytest.raises(WorkOutstanding):
            order_steps.refund(order, by=OPERATOR, reason="Ordered twice")
    assert orders.by_id(order.id).credit_waits
    order_steps.refund(order, by=OPERATOR, reason="Ordered twice")
    assert entries_of(order) == [("revocation", -50_000), ("purchase", 50_000)]


def test_an_order_whose_tokens_cannot_be_credited_can_be_refunded(order):
    """Its user is not there any more."""
    User.objects(id=order.user).delete()
    order_steps.confirm(order, by=OPERATOR)
    [left] = stored(order)["due"]
    assert (left["verb"], left["failed"]) == ("account.grant", "Not found.")
    assert order_steps.forecast(order) is None
    order_steps.refund(order, by=OPERATOR, reason="Nobody is there")
    assert (stored(order)["status"], [item["verb"] for item in stored(order)["due"]]) == ("refunded", [])
    assert len(stored(order)["history"]) == 3


def test_whoever_is_deactivated_gets_what_was_paid(order):
    user_changes.deactivate(order.user, by=OPERATOR)
    order_steps.confirm(order, by=OPERATOR)
    order_steps.refund(order, by=OPERATOR, reason="Gone")
    assert entries_of(order) == [("revocation", -50_000), ("purchase", 50_000)]


def test_notes_are_text_whatever_they_hold(order):
    for step in ("$history", "$$ROOT", '{"$ne": 1}'):
        other = order_steps.confirm(make_order(User.objects.get(id=order.user)), by=OPERATOR, note=step)
        assert stored(other)["history"][-1]["note"] == step


def test_what_a_crash_left_over_is_done_once_by_the_worker(order, monkeypatch):
    with monkeypatch.context() as died:
        died.setattr(due, "perform", lambda *_: True)
        order_steps.confirm(order, by=OPERATOR)
    assert entries_of(order) == []
    Order._get_collection().update_one({"_id": order.id}, {"$set": {"due.$[].at": order.created_at - due.GRACE * 2}})
    for _ in range(2):
        due.perform_waiting()
    assert came_of(order) == {"purchase": 1, "order_paid": 1, "order.confirm": 1}


def test_who_may_not_manage_billing_cancels_nobody_elses_order(order):
    with pytest.raises(Forbidden):
        order_steps.cancel(order, by=actor_of(make_user()))
