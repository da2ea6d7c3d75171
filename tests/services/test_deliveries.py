"""What leaves this site: made once, sent once, tried again when it fails, given up in the end, and tried again by hand."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from bson import ObjectId

from app.models.audit_event import AuditEvent
from app.models.delivery import Delivery, Kind, State
from app.models.domain_error import ChangedByOther, Forbidden, NotFound
from app.services import deliveries, delivery_attempts, due, notice_mail
from app.services.delivery_attempts import BREATHER, DELAYS, KEPT, LEASE, Undelivered
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands still until a test moves it."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def mail_is_on(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")


@pytest.fixture
def ann():
    return make_user("ann@example.com")


def leave(user, key="hello"):
    """A mail that waits."""
    deliveries.send_mail(key=key, user=user.id, template="notice", values={"n": 1}, at=NOW)
    return Delivery.objects.get(key=f"mail:{user.id}:{key}")


def send(*sent, failure=None):
    """One round of a worker; returns what was sent, or tried."""
    tried = list(sent)

    def to(delivery):
        tried.append(delivery.id)
        if failure:
            raise failure

    delivery_attempts.send_waiting(Kind.MAIL, to)
    return tried


def again(delivery):
    return Delivery.objects.get(id=delivery.id)


class TestMaking:
    def test_the_same_key_again_leaves_nothing_more(self, ann):
        leave(ann)
        leave(ann)
        leave(ann, "another")
        leave(make_user())
        assert Delivery.objects.count() == 3

    def test_without_a_mail_server_there_is_no_mail(self, app, ann, monkeypatch):
        monkeypatch.setitem(app.config, "MAIL_SERVER", "")
        deliveries.send_mail(key="hello", user=ann.id, template="notice")
        assert Delivery.objects.count() == 0

    def test_a_change_carries_a_mail_as_an_item_that_is_due(self, ann):
        item = deliveries.mail_item(
            "changed", user=ann.id, template="notice", address="new@example.com", values={"n": 1}, at=NOW
        )
        ann.modify(push__due=item)
        assert due.perform(type(ann), ann.id)
        mail = Delivery.objects.get()
        assert (mail.user, mail.address, mail.what, mail["values"]) == (ann.id, "new@example.com", "notice", {"n": 1})
        assert (mail.state, mail.attempts, mail.created_at, mail.next_at) == (State.WAITING, 0, NOW, NOW)


class TestSending:
    def test_what_is_sent_is_sent_once_and_keeps_nothing_that_it_said(self, ann):
        mail = leave(ann)
        assert send() == [mail.id]
        assert send() == []
        sent = again(mail)
        assert (sent.state, sent.sent_at, sent.next_at, sent["values"]) == (State.SENT, NOW, None, {})
        assert sent.expires_at == NOW + KEPT

    def test_the_longest_waiting_goes_first(self, ann, clock_hand):
        mails = []
        for key in "abc":
            mails.append(leave(ann, key).id)
            clock_hand.shift(timedelta(seconds=1))
        assert send() == mails

    def test_of_many_workers_each_sends_what_no_other_does(self, ann, threads):
        left = {leave(ann, f"m{i}").id for i in range(24)}
        sent = threads(lambda _: send(), 8)
        assert sorted(one for some in sent for one in some) == sorted(left)

    def test_a_failure_is_tried_again_after_longer_and_longer_pauses_and_in_the_end_given_up(self, ann, clock_hand):
        mail = leave(ann)
        failure = Undelivered("450 try\nlater " + "x" * 999)
        for attempt, pause in enumerate(DELAYS, 1):
            assert send(failure=failure) == [mail.id]
            now = again(mail)
            assert (now.state, now.attempts, now.last_error[:14]) == (State.WAITING, attempt, "450 try later ")
            assert len(now.last_error) == 300
            clock_hand.shift(pause - MILLISECOND)
            assert send(failure=failure) == []
            clock_hand.shift(MILLISECOND)
        assert send(failure=failure) == [mail.id]
        dead = again(mail)
        assert (dead.state, dead.attempts, dead.next_at) == (State.DEAD, len(DELAYS) + 1, None)
        clock_hand.shift(timedelta(days=3))
        assert send() == []

    def test_what_can_never_arrive_is_given_up_at_once(self, ann):
        mail = leave(ann)
        send(failure=Undelivered("550 no such user", final=True))
        assert (again(mail).state, again(mail).last_error) == (State.DEAD, "550 no such user")

    def test_a_defect_holds_up_nothing_else(self, ann, caplog):
        mails = [leave(ann, key).id for key in "ab"]
        assert sorted(send(failure=ValueError("a defect"))) == sorted(mails)
        assert {one.last_error for one in Delivery.objects} == {"ValueError('a defect')"}
        assert "met a defect" in caplog.text

    def test_a_receiver_that_is_away_is_not_asked_by_everything_that_waits_for_it(self, ann, clock_hand):
        mails = [leave(ann, f"m{i}").id for i in range(5)]
        assert len(send(failure=Undelivered("refused", is_receivers=True))) == 1
        assert send() == []
        assert sum(one.attempts for one in Delivery.objects) == 1
        clock_hand.shift(BREATHER)
        assert sorted(send()) == sorted(mails)

    def test_whoever_dies_while_sending_leaves_just_that_one_to_the_next(self, ann, clock_hand):
        mails = [leave(ann, key) for key in "ab"]
        taken = delivery_attempts.take(Kind.MAIL)
        (other,) = {mail.id for mail in mails} - {taken.id}
        assert send() == [other]
        clock_hand.shift(LEASE - MILLISECOND)
        assert send() == []
        clock_hand.shift(MILLISECOND)
        assert send() == [taken.id]
        assert [again(mail).state for mail in mails] == [State.SENT] * 2

    def test_whoever_comes_back_after_the_lease_changes_nothing(self, ann, clock_hand):
        mail = leave(ann)
        slow = delivery_attempts.take(Kind.MAIL)
        clock_hand.shift(LEASE)
        assert send() == [mail.id]
        delivery_attempts._note_failure(slow, "too late", final=True)
        assert (again(mail).state, again(mail).last_error) == (State.SENT, "")

    def test_what_every_worker_died_of_is_given_up_without_another_try(self, ann, clock_hand):
        mail = leave(ann)
        for _ in range(len(DELAYS) + 1):
            assert delivery_attempts.take(Kind.MAIL).id == mail.id
            clock_hand.shift(LEASE)
        assert send() == []
        assert (again(mail).state, again(mail).last_error) == (State.DEAD, "Each attempt was broken off.")


class TestTryingAgain:
    def test_what_was_given_up_is_tried_at_once_as_often_as_the_first_time(self, ann):
        mail, admin = leave(ann), actor_of(make_admin())
        send(failure=Undelivered("550", final=True))
        waiting = delivery_attempts.retry(again(mail), by=admin)
        assert (waiting.state, waiting.attempts, waiting.expires_at) == (State.WAITING, 0, None)
        assert send() == [mail.id]
        event = AuditEvent.objects.get(action="delivery.retry")
        assert (event.object["id"], event.before) == (str(mail.id), {"state": "dead", "attempts": 1})

    def test_what_waits_need_not_wait_any_longer(self, ann):
        mail = leave(ann)
        send(failure=Undelivered("450"))
        delivery_attempts.retry(again(mail), by=OPERATOR)
        assert send() == [mail.id]

    def test_what_was_sent_or_is_being_sent_is_not_sent_again(self, ann):
        sending, sent = leave(ann, "a"), leave(ann, "b")
        Delivery.objects(id=sent.id).update(next_at=NOW - MILLISECOND)
        delivery_attempts.send_waiting(Kind.MAIL, lambda _: None, seconds=0)
        assert delivery_attempts.take(Kind.MAIL).id == sent.id
        Delivery.objects(id=sent.id).update(state=State.SENT, unset__next_at=True)
        assert delivery_attempts.take(Kind.MAIL).id == sending.id
        for mail in (sending, sent):
            with pytest.raises(ChangedByOther):
                delivery_attempts.retry(mail, by=OPERATOR)

    def test_twenty_at_once_are_one_mail(self, ann, threads):
        mail = leave(ann)
        send(failure=Undelivered("550", final=True))
        dead = again(mail)
        threads(lambda _: delivery_attempts.retry(dead, by=OPERATOR), 20)
        assert send() == [mail.id]

    def test_only_who_manages_settings_does_it(self, ann):
        with pytest.raises(Forbidden):
            delivery_attempts.retry(leave(ann), by=actor_of(make_user(roles=["reviewer", "support"])))


def test_the_list_is_read_page_by_page_and_by_state(ann):
    mails = [leave(ann, f"m{i}").id for i in range(5)][::-1]
    assert [one.id for one in deliveries.page(limit=2)] == mails[:2]
    assert [one.id for one in deliveries.page(before=mails[1])] == mails[2:]
    assert [one.id for one in deliveries.page(State.WAITING, State.SENDING)] == mails
    assert deliveries.page(State.DEAD) == []


@pytest.mark.parametrize("reference", ["", "x", "f" * 24])
def test_one_that_never_was_is_not_found(reference):
    with pytest.raises(NotFound):
        deliveries.get(reference)


def test_of_somebody_who_is_erased_nothing_is_left(ann):
    leave(ann)
    other = leave(make_user())
    deliveries.forget_user(ann.id)
    assert [one.id for one in Delivery.objects] == [other.id]


def test_nor_is_their_name_left_in_what_waits_for_reviewers(ann):
    rita = make_user(roles=["reviewer"])
    notice_mail.choose(rita.id, topics=[], review="at_once")
    make_request(ann)
    other = make_request()
    deliveries.forget_user(ann.id)
    assert [one["values"]["values"]["number"] for one in Delivery.objects(user=rita.id)] == [other.number]


def test_a_worker_looks_only_at_what_it_takes_and_a_page_only_at_what_it_shows(ann):
    documents = [
        {"_id": ObjectId(), "key": f"k{i}", "kind": "mail", "channel": "mail", "state": "sent", "attempts": 1}
        for i in range(300)
    ]
    Delivery._get_collection().insert_many(documents)
    for i in range(10):
        leave(ann, f"m{i}")
    queries = {
        "what waits": (Delivery.objects(kind="mail", next_at__lte=NOW).order_by("next_at").limit(1), 2),
        "a channel": (Delivery.objects(channel="mail", state="waiting", next_at__lt=NOW + BREATHER), 12),
        "a page": (Delivery.objects.in_states((State.WAITING, State.SENDING)).newest_first().limit(5), 12),
        "all": (Delivery.objects.in_states(tuple(State)).newest_first().limit(5), 12),
        "a user's": (Delivery.objects(user=ann.id), 12),
    }
    for name, (query, most) in queries.items():
        plan = query.explain()["executionStats"]
        assert plan["totalDocsExamined"] <= most, name
        assert plan["totalKeysExamined"] <= most * 2, name
