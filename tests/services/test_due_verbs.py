"""Each verb of what is due, done twice, is done once."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from bson import ObjectId
from flask import current_app

from app.models.audit_event import AuditEvent
from app.models.conversation import Conversation
from app.models.delivery import Delivery
from app.models.due_item import due_item
from app.models.message import Message
from app.models.notification import Notification
from app.models.permission import Permission
from app.models.user import User
from app.models.webhook import Webhook
from app.services import due, notifications, token_accounts
from tests import stripe_server
from tests.buying import make_order
from tests.due_items import NOW, entries, give, left, notice, told
from tests.factories import OPERATOR, make_user
from tests.listing_verbs import LISTINGS


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands still until a test moves it."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def mail_server_is_as_before(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")


@pytest.fixture
def ann():
    return make_user("ann@example.com")


def _grant_initial(user):
    # An account that was opened while the address was not confirmed.
    User.objects(id=user.id).update(email_confirmed=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(current_app.config, "MAIL_SERVER", "mail.example.com")
        token_accounts.spend(user.id, 100, by=OPERATOR)
    return {"user": user.id}, lambda: entries(user, "grant"), [50_000]


def _reset(user):
    token_accounts.spend(user.id, 700, by=OPERATOR)
    arguments = {"user": user.id, "by": OPERATOR.stamp(), "reason": "Approved", "reference": {"request": 1}}
    return arguments, lambda: entries(user, "reset"), [700]


def _revoke(user):
    token_accounts.grant(user.id, 900, source="beta", by=OPERATOR, reason="Beta", key="given")
    arguments = {
        "user": user.id,
        "undoes": "given",
        "by": OPERATOR.stamp(),
        "reason": "Revoked",
        "reference": {"request": 1},
    }
    return arguments, lambda: entries(user, "revocation"), [-900]


def _grant(user):
    arguments = {"user": user.id, "tokens": 300, "source": "beta", "by": OPERATOR.stamp(), "reason": "Approved"}
    return {**arguments, "reference": {"request": 1}}, lambda: entries(user, "grant"), [300, 50_000]


def _change_tier(user):
    token_accounts.spend(user.id, 1, by=OPERATOR)
    user.modify(tier="pro")
    arguments = {"user": user.id, "tier": "pro", "by": OPERATOR.stamp()}
    return arguments, lambda: entries(user, "adjustment"), [900_000]


def _note_tokens(user):
    token_accounts.spend(user.id, 149_900, by=OPERATOR)
    user.modify(out_of_tokens=False, unset__tokens_noted=True)
    return {"user": user.id}, lambda: User.objects.get(id=user.id).out_of_tokens, True


def _charge(user):
    answer = answer_of(user, tokens_held=1_000)
    return (
        {"message": answer.id, "tokens": 400},
        lambda: (
            entries(user, "usage"),
            token_accounts.view(user.id).held,
            Message.objects.get(id=answer.id).tokens_charged,
        ),
        ([-400], 0, 400),
    )


def _audit(user):
    arguments = {
        "action": "account.reset",
        "actor": OPERATOR.trail(),
        "object": {"kind": "account", "id": str(user.id)},
    }
    return arguments, lambda: AuditEvent.objects(action="account.reset").count(), 1


def _notify(user):
    arguments = {"user": user.id, "kind": "request_received", "values": {"number": 1}}
    return arguments, lambda: Notification.objects(user=user.id).count(), 1


def _notify_reviewers(user):
    reviewers = [make_user(roles=["reviewer"]) for _ in range(3)]
    arguments = {"kind": "request_waiting", "values": {"number": 1, "name": "Ann"}, "url": "/admin/requests/1"}
    return arguments, lambda: [Notification.objects(user=reviewer.id).count() for reviewer in reviewers], [1, 1, 1]


def _notify_billing(user):
    admins = [make_user(roles=["admin"]) for _ in range(2)]
    arguments = {"kind": "order_waiting", "values": {"number": 1, "name": "Ann"}, "url": "/admin/orders/1"}
    return arguments, lambda: [Notification.objects(user=admin.id).count() for admin in admins], [1, 1]


def _remove_conversation(user):
    conversation = answer_of(user).conversation
    shared = {"created_at": NOW, "last_message_at": NOW, "removed_at": NOW}
    Conversation(id=conversation, user=user.id, key="key", assistant=1, title="Hello", **shared).save()
    return {"conversation": conversation}, lambda: (Message.objects.count(), Conversation.objects.count()), (0, 0)


def _give_back(user):
    order = make_order(user)
    stripe = stripe_server.Server.fake
    payment = stripe.pay(order.checkout["id"])["payment_intent"]
    return {"payment": payment}, lambda: stripe.payments[payment]["latest_charge"]["amount_refunded"], order.price_minor


def _deliver_mail(user):
    current_app.config["MAIL_SERVER"] = "mail.example.com"
    arguments = {"user": user.id, "template": "notice", "values": {"n": 1}}
    return arguments, lambda: Delivery.objects(user=user.id, what="notice").count(), 1


def _deliver_event(user):
    for _ in range(2):
        events = {"url": "https://example.com/", "secret": "whsec_eA==", "events": ["tokens.low"]}
        Webhook(created_at=NOW, idempotency_key=uuid4().hex, **events).save()
    arguments = {"event": "tokens.low", "data": {"user": user.id}}
    return arguments, lambda: Delivery.objects(what="tokens.low").count(), 2


def _deliver_test_event(user):
    hook = Webhook(
        created_at=NOW, idempotency_key=uuid4().hex, url="https://example.com/", secret="x", events=["tokens.low"]
    )
    return {"webhook": hook.save().id}, lambda: Delivery.objects(what="test").count(), 1


def _send_password_reset(user):
    current_app.config["MAIL_SERVER"] = "mail.example.com"
    return {"email": user.email}, lambda: Delivery.objects(user=user.id, what="password_reset").count(), 1


def _erase(user):
    account_deletion_time = {"deleted_at": NOW, "active": False}
    User.objects(id=user.id).update(**account_deletion_time)
    notifications.notify(key="told", user=user.id, kind="request_received", values={"number": 1})
    return {"user": user.id}, lambda: Notification.objects(user=user.id).count(), 0


# For each verb: its arguments, how to look at its effect, and what that effect is.
CASES = {
    "account.change_tier": _change_tier,
    "account.grant": _grant,
    "account.grant_initial": _grant_initial,
    "account.reset": _reset,
    "account.revoke": _revoke,
    "answer.charge": _charge,
    "audit": _audit,
    "conversation.remove": _remove_conversation,
    "deliver.event": _deliver_event,
    "deliver.mail": _deliver_mail,
    "deliver.test_event": _deliver_test_event,
    "notify": _notify,
    "notify.billing": _notify_billing,
    "notify.reviewers": _notify_reviewers,
    "password_reset.send": _send_password_reset,
    "payment.give_back": _give_back,
    "user.erase": _erase,
    "users.note_tokens": _note_tokens,
    **LISTINGS,
}


def answer_of(user, tokens_held=0):
    """An answer of the assistant that its writer has left, with tokens held for it."""
    hold = token_accounts.hold(user.id, tokens_held, by=OPERATOR) if tokens_held else None
    return Message(
        user=user.id,
        conversation=ObjectId(),
        key=uuid4().hex,
        role="assistant",
        text="Well",
        created_at=NOW,
        by=OPERATOR.stamp(),
        hold_id=hold and hold.hold_id,
    ).save()


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("verb", CASES)
class TestVerbs:
    def test_twice_is_once(self, ann, verb, clock_hand):
        arguments, effect, expected = CASES[verb](ann)
        for _ in range(2):
            due.VERBS[verb](key="a key", at=NOW, **arguments)
            clock_hand.shift(timedelta(minutes=1))
        assert effect() == expected

    def test_twenty_at_once_are_one(self, ann, verb, threads):
        arguments, effect, expected = CASES[verb](ann)
        assert threads(lambda _: due.VERBS[verb](key="a key", at=NOW, **arguments), 20) == [None] * 20
        assert effect() == expected

    def test_twenty_who_find_the_same_item_do_it_once_and_leave_nothing(self, ann, verb, threads):
        arguments, effect, expected = CASES[verb](ann)
        give(User, ann.id, due_item("a key", verb, at=NOW, **arguments))
        threads(lambda _: due.perform(User, ann.id), 20)
        assert effect() == expected
        assert left(User, ann.id) == []


def test_every_verb_is_tried_here():
    assert set(CASES) == set(due.VERBS)


def test_another_key_is_another_effect(ann):
    for key in ("one", "two"):
        due.VERBS["notify"](key=key, at=NOW, user=ann.id, kind="request_received", values={"number": 1})
    assert told(ann) == ["one", "two"]


def test_the_same_key_tells_another_user_as_well(ann):
    for user in (ann, make_user()):
        due.VERBS["notify"](key="one", at=NOW, user=user.id, kind="request_received", values={"number": 1})
        assert told(user) == ["one"]


def test_a_notice_bears_the_time_of_the_change_and_not_of_the_telling(ann, clock_hand):
    give(User, ann.id, notice(ann))
    clock_hand.shift(timedelta(hours=3))
    due.perform_waiting()
    assert Notification.objects.get(user=ann.id).created_at == NOW


def test_reviewers_are_those_who_may_review(ann):
    allowed, forbidden = make_user(roles=["reviewer"]), make_user(roles=["support"])
    assert Permission.REQUESTS_REVIEW in allowed.permissions
    due.VERBS["notify.reviewers"](
        key="one", at=NOW, kind="request_waiting", values={"number": 1, "name": "Ann"}, except_user=ann.id
    )
    assert (told(allowed), told(forbidden)) == (["one"], [])
