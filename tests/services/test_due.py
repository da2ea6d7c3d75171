"""What follows from a change is done once, by whoever comes to it, and nothing that fails holds up the rest."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from bson import ObjectId
from flask import current_app
from mongoengine import connect, disconnect
from mongoengine.connection import get_db
from pymongo import MongoClient

from app import db
from app.models.api_key import ApiKey
from app.models.audit_event import AuditEvent
from app.models.delivery import Delivery
from app.models.due_item import due_item
from app.models.message import Message
from app.models.notification import Notification
from app.models.permission import Permission
from app.models.token_account import TokenAccount
from app.models.token_request import TokenRequest
from app.models.user import User
from app.models.webhook import Webhook
from app.services import api_keys, due, ledger, token_accounts, token_requests
from tests.factories import OPERATOR, make_request, make_user

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands still until a test moves it."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann():
    return make_user("ann@example.com")


@pytest.fixture(autouse=True)
def mail_server_is_as_before(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")


def notice(user, key=None, at=NOW, **more):
    return due_item(
        key or uuid4().hex, "notify", at=at, user=user.id, kind="request_received", values={"number": 1}, **more
    )


def give(carrier, document_id, *items):
    """Puts items on a document as a change would, and leaves them there, as a process does that dies."""
    carrier._get_collection().update_one({"_id": document_id}, {"$push": {"due": {"$each": list(items)}}})


def left(carrier, document_id):
    return carrier._get_collection().find_one({"_id": document_id})["due"]


def told(user):
    return sorted(Notification.objects(user=user.id).scalar("key"))


def entries(user, type_):
    return [entry["amount"] for entry in ledger.history(user.id, types=[type_])]


# --- a verb twice is a verb once --------------------------------------------------------------------------------------


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


def _send_password_reset(user):
    current_app.config["MAIL_SERVER"] = "mail.example.com"
    return {"email": user.email}, lambda: Delivery.objects(user=user.id, what="password_reset").count(), 1


# For each verb: its arguments, how to look at its effect, and what that effect is.
CASES = {
    "account.change_tier": _change_tier,
    "account.grant": _grant,
    "account.grant_initial": _grant_initial,
    "account.reset": _reset,
    "account.revoke": _revoke,
    "answer.charge": _charge,
    "audit": _audit,
    "deliver.event": _deliver_event,
    "deliver.mail": _deliver_mail,
    "notify": _notify,
    "notify.reviewers": _notify_reviewers,
    "password_reset.send": _send_password_reset,
    "users.note_tokens": _note_tokens,
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


# --- what cannot be done ----------------------------------------------------------------------------------------------


def impossible(key="stuck"):
    """An item that names a user who is not there."""
    return due_item(
        key, "account.reset", at=NOW, user=ObjectId(), by=OPERATOR.stamp(), reason="None such", reference=None
    )


class TestFailures:
    @pytest.mark.parametrize(
        ("item", "reason"),
        [
            (impossible(), "Not found."),
            (due_item("stuck", "no.such.verb", at=NOW), "no.such.verb"),
            (due_item("stuck", "notify", at=NOW, nobody="knows this"), "nobody"),
            (due_item("stuck", "notify", at=NOW, user=ObjectId(), kind="no such kind"), "request_waiting"),
            (
                due_item("stuck", "audit", at=NOW, action="no.such", actor=OPERATOR.trail(), object={"kind": "x"}),
                "user.create",
            ),
        ],
        ids=["refused", "unknown verb", "wrong arguments", "invalid notice", "invalid event"],
    )
    def test_an_item_that_fails_says_why_and_the_rest_goes_on(self, ann, item, reason):
        give(User, ann.id, notice(ann, "before"), item, notice(ann, "after"))
        assert due.perform(User, ann.id) is False
        assert told(ann) == ["after", "before"]
        (stuck,) = left(User, ann.id)
        assert reason in stuck.pop("failed")
        assert stuck == item

    def test_what_the_database_refuses_fails_with_its_words(self, ann):
        get_db().command("collMod", "notifications", validator={"url": {"$ne": "/refused"}})
        try:
            give(User, ann.id, notice(ann, url="/refused"), notice(ann, "fine"))
            assert due.perform(User, ann.id) is False
        finally:
            db.ensure_structure()
        assert told(ann) == ["fine"]
        assert "failed validation" in left(User, ann.id)[0]["failed"]

    def test_other_documents_are_not_held_up(self, ann, clock_hand):
        others = [make_user() for _ in range(3)]
        give(User, ann.id, impossible())
        for other in others:
            give(User, other.id, notice(other, "theirs"))
        clock_hand.shift(due.GRACE)
        due.perform_waiting()
        assert [told(other) for other in others] == [["theirs"]] * 3

    def test_nobody_tries_a_failed_item_again_by_himself(self, ann, clock_hand):
        give(
            User,
            ann.id,
            due_item(
                "stuck",
                "account.revoke",
                at=NOW,
                user=ann.id,
                undoes="later",
                by=OPERATOR.stamp(),
                reason="Revoked",
                reference=None,
            ),
        )
        due.perform(User, ann.id)
        token_accounts.grant(ann.id, 900, source="beta", by=OPERATOR, reason="Beta", key="later")
        clock_hand.shift(timedelta(hours=1))
        assert due.perform_waiting() == 0
        assert due.perform(User, ann.id) is False
        assert entries(ann, "revocation") == []
        assert due.retry_failed(User, ann.id) is True
        assert (entries(ann, "revocation"), left(User, ann.id)) == ([-900], [])

    def test_what_comes_later_is_done_beside_a_failed_item(self, ann, clock_hand):
        give(User, ann.id, impossible())
        due.perform(User, ann.id)
        give(User, ann.id, notice(ann, "later"))
        clock_hand.shift(due.GRACE)
        assert due.perform_waiting() == 1
        assert told(ann) == ["later"]
        assert [item["key"] for item in left(User, ann.id)] == ["stuck"]

    def test_a_retry_that_fails_again_says_why_again(self, ann):
        give(User, ann.id, impossible("one"), impossible("two"))
        due.perform(User, ann.id)
        assert due.retry_failed(User, ann.id) is False
        assert [item["failed"] for item in left(User, ann.id)] == ["Not found.", "Not found."]

    def test_a_retry_with_nothing_due_does_nothing(self, ann):
        assert due.retry_failed(User, ann.id) is True
        assert due.retry_failed(User, ObjectId()) is True
        assert due.retry_failed(Message, answer_of(ann).id) is True

    def test_twenty_who_find_a_failing_item_mark_it_once_and_lose_nothing(self, ann, threads):
        give(User, ann.id, impossible(), *[notice(ann, f"n{i}") for i in range(6)])
        assert threads(lambda _: due.perform(User, ann.id), 20) == [False] * 20
        assert told(ann) == [f"n{i}" for i in range(6)]
        assert [(item["key"], item["failed"]) for item in left(User, ann.id)] == [("stuck", "Not found.")]

    def test_stuck_requests_are_listed_newest_first_and_others_are_not(self):
        first, _fine, last = make_request(), make_request(), make_request()
        for token_request in (first, last):
            give(TokenRequest, token_request.id, impossible())
            due.perform(TokenRequest, token_request.id)
        assert [one.number for one in token_requests.stuck()] == [last.number, first.number]
        assert [item["failed"] for item in token_requests.by_id(first.id).failed_items] == ["Not found."]

    def test_as_many_stuck_requests_are_read_as_are_asked_for_or_all_one_by_one(self):
        stuck = [make_request() for _ in range(7)]
        for token_request in stuck:
            give(TokenRequest, token_request.id, impossible())
            due.perform(TokenRequest, token_request.id)
        numbers = [one.number for one in reversed(stuck)]
        assert [one.number for one in token_requests.stuck(5)] == numbers[:5]
        assert [one.number for one in token_requests.all_stuck()] == numbers

    def test_stuck_requests_are_not_looked_for_among_all(self):
        for _ in range(5):
            make_request()
        stuck = make_request()
        give(TokenRequest, stuck.id, impossible())
        due.perform(TokenRequest, stuck.id)
        found = TokenRequest.objects.stuck().newest_first().explain()["executionStats"]
        assert (found["nReturned"], found["totalDocsExamined"], found["totalKeysExamined"]) == (1, 1, 1)


@pytest.fixture
def impatient(mongodb_uri):
    """A connection on which each operation waits for a moment only."""
    disconnect()
    connect(host=mongodb_uri, **{**db.CLIENT_OPTIONS, "timeoutMS": 300})
    yield
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS)


def test_what_the_database_does_not_answer_stays_due_and_is_done_later(ann, clock_hand, impatient, mongodb_uri):
    give(User, ann.id, notice(ann, "held up"), notice(ann, "after"))
    items = left(User, ann.id)
    # A transaction that has written the same key makes every other writer of it wait until its own time is over.
    with MongoClient(mongodb_uri) as client, client.start_session() as session, session.start_transaction():
        blocker = {"user": ann.id, "key": "held up", "kind": "request_received", "created_at": NOW}
        client.get_default_database()["notifications"].insert_one(blocker, session=session)
        assert due.perform(User, ann.id) is False
        assert "held up" in [item["key"] for item in left(User, ann.id)]
        assert all(item in items for item in left(User, ann.id))
        session.abort_transaction()
    clock_hand.shift(due.GRACE)
    due.perform_waiting()
    assert (told(ann), left(User, ann.id)) == (["after", "held up"], [])


# --- who does it, and when --------------------------------------------------------------------------------------------


class TestWaiting:
    def test_the_worker_leaves_an_item_to_its_caller_for_the_grace(self, ann, clock_hand):
        give(User, ann.id, notice(ann, "mine"))
        clock_hand.move_to(NOW + due.GRACE - MILLISECOND)
        assert due.perform_waiting() == 0
        assert told(ann) == []
        clock_hand.move_to(NOW + due.GRACE)
        assert due.perform_waiting() == 1
        assert (told(ann), left(User, ann.id)) == (["mine"], [])
        assert due.perform_waiting() == 0

    def test_items_of_every_carrier_are_done(self, ann, clock_hand):
        token_accounts.spend(ann.id, 1, by=OPERATOR)
        api_key, _ = api_keys.create(ann.id, name="A program", scopes=["self"], by=OPERATOR)
        carriers = {
            TokenRequest: make_request().id,
            TokenAccount: ann.id,
            User: ann.id,
            Message: answer_of(ann).id,
            ApiKey: api_key.id,
        }
        # The rest are as good as empty: an item is done wherever it stands.
        for carrier in set(due.CARRIERS) - set(carriers):
            carriers[carrier] = carrier._get_collection().insert_one({}).inserted_id
        for carrier, document_id in carriers.items():
            give(carrier, document_id, notice(ann, carrier.__name__))
        clock_hand.shift(due.GRACE)
        assert due.perform_waiting() == len(due.CARRIERS)
        assert told(ann) == sorted(carrier.__name__ for carrier in carriers)
        assert [left(carrier, document_id) for carrier, document_id in carriers.items()] == [[]] * len(due.CARRIERS)

    def test_a_round_takes_a_bounded_number_and_the_next_the_rest(self, clock_hand):
        people = [make_user() for _ in range(5)]
        for user in people:
            give(User, user.id, notice(user, "theirs"))
        clock_hand.shift(due.GRACE)
        assert [due.perform_waiting(limit=2) for _ in range(4)] == [2, 2, 1, 0]
        assert [told(user) for user in people] == [["theirs"]] * 5

    def test_workers_and_a_caller_at_once_do_everything_once(self, threads, clock_hand):
        people = [make_user() for _ in range(5)]
        for user in people:
            token_accounts.spend(user.id, 700, by=OPERATOR)
            reset = due_item(
                "reset",
                "account.reset",
                at=NOW,
                user=user.id,
                by=OPERATOR.stamp(),
                reason="x",
                reference={"request": 1},
            )
            give(User, user.id, reset, *[notice(user, f"n{i}") for i in range(3)])
        clock_hand.shift(due.GRACE)
        threads(lambda i: due.perform_waiting() if i % 2 else [due.perform(User, user.id) for user in people], 8)
        for user in people:
            assert (told(user), entries(user, "reset"), left(User, user.id)) == (["n0", "n1", "n2"], [700], [])

    def test_a_document_without_anything_due_or_none_at_all_has_nothing_left(self, ann):
        assert due.perform(User, ann.id) is True
        assert due.perform(User, ObjectId()) is True

    def test_the_search_for_what_waits_uses_the_index(self, ann):
        for carrier in due.CARRIERS:
            indexes = [spec["fields"] for spec in carrier._meta["index_specs"] if spec.get("sparse")]
            assert [("due.at", 1)] in indexes


def test_reviewers_are_those_who_may_review(ann):
    allowed, forbidden = make_user(roles=["reviewer"]), make_user(roles=["support"])
    assert Permission.REQUESTS_REVIEW in allowed.permissions
    due.VERBS["notify.reviewers"](
        key="one", at=NOW, kind="request_waiting", values={"number": 1, "name": "Ann"}, except_user=ann.id
    )
    assert (told(allowed), told(forbidden)) == (["one"], [])
