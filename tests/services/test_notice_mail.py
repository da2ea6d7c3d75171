"""Notices by mail: to whom, what they choose, the link that ends them, and the reviewers' digest."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine

from app import emails
from app.models.delivery import Delivery, Kind, State
from app.models.domain_error import InvalidInput, LinkUnusable
from app.models.notice_mail import TOPIC_OF, Topic
from app.models.notification import KINDS
from app.models.user import User
from app.services import (
    delivery_attempts,
    mail,
    notice_mail,
    notifications,
    review,
    review_digest,
    signed_tokens,
    token_accounts,
)
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.mail_server import mail_server, parts_of

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands still until a test moves it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def mail_is_on(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")


@pytest.fixture
def ann():
    return make_user("ann@example.com")


def tell(user, kind="request_approved", key="k"):
    values = {"number": 7, "name": "Ann", "symbol": "TKN", "available": 9}
    notifications.notify(key=key, user=user.id, kind=kind, values=values, url="/requests/7", at=NOON)


def mailed(user):
    return [one["values"]["kind"] for one in Delivery.objects(user=user.id, what="notice").order_by("id")]


def test_every_kind_of_notice_has_a_topic():
    assert set(TOPIC_OF) == set(KINDS)
    assert set(TOPIC_OF.values()) == set(Topic)


def test_what_needs_an_answer_or_was_waited_for_comes_by_mail_and_the_rest_does_not(ann):
    for kind in KINDS:
        tell(ann, kind, key=kind)
    by_default = {
        kind
        for kind in KINDS
        if TOPIC_OF[kind] in ("question", "decided", "expiring", "supported", "order", "tokens_low")
    }
    assert set(mailed(ann)) == by_default
    assert notifications.unread_count(ann.id) == len(KINDS)


def test_what_somebody_has_chosen_holds(ann):
    notice_mail.choose(ann.id, topics=["received", "allowance"], review="none")
    for kind in KINDS:
        tell(ann, kind, key=kind)
    assert sorted(mailed(ann)) == ["allowance_100", "allowance_80", "allowance_95", "request_received"]
    assert User.objects.get(id=ann.id).digest_at is None


def test_a_notice_is_mailed_once_however_often_it_is_told(ann, threads):
    threads(lambda _: tell(ann), 20)
    assert mailed(ann) == ["request_approved"]


def test_a_mail_that_a_crash_left_out_is_made_up_for(ann):
    tell(ann)
    Delivery.objects.delete()
    tell(ann)
    assert mailed(ann) == ["request_approved"]


@pytest.mark.parametrize("change", [{"email_confirmed": False}, {"active": False}])
def test_nobody_is_written_to_whose_address_is_not_confirmed_or_who_is_gone(ann, change):
    ann.modify(**change)
    tell(ann)
    assert (mailed(ann), notifications.unread_count(ann.id)) == ([], 1)


def test_without_a_mail_server_nothing_is_left_to_send(app, ann, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")
    tell(ann)
    tell(make_admin(), "request_waiting")
    assert (Delivery.objects.count(), User.objects(digest_at__ne=None).count()) == (0, 0)


def test_crossing_a_line_is_mailed_once_a_period(ann):
    for _ in range(3):
        token_accounts.spend(ann.id, 49_900, by=OPERATOR)
    token_accounts.add_bonus(ann.id, 5_000, by=OPERATOR, reason="More")
    token_accounts.spend(ann.id, 5_000, by=OPERATOR)
    assert mailed(ann) == ["tokens_low"]


def test_a_decision_reaches_the_mailbox_with_its_words_and_the_way_out_of_more(app, ann, monkeypatch):
    with mail_server(app, monkeypatch) as server:
        request = make_request(ann)
        review.reject(request, response="Not before Monday.", by=actor_of(make_admin()))
        delivery_attempts.send_waiting(Kind.MAIL, partial(mail.deliver, render=emails.render))
        (sent,) = server.mails
    text, html = parts_of(sent)
    assert sent["Subject"] == f"Your request #{request.number} was not approved."
    assert "Not before Monday." in text
    assert f"http://localhost/requests/{request.number}" in text
    link = sent["List-Unsubscribe"].strip("<>")
    assert link in text
    assert link in html
    assert notice_mail.read_link(link.rpartition("/")[2]) == (ann, Topic.DECIDED)


# --- choosing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ({"topics": ["spam"]}, "topics"),
        ({"topics": ["review"]}, "topics"),
        ({"topics": ["$ne"]}, "topics"),
        ({"review": "hourly"}, "review"),
        ({"review": ""}, "review"),
    ],
)
def test_what_nobody_can_choose_is_refused_by_field(ann, choice, field):
    with pytest.raises(InvalidInput) as error:
        notice_mail.choose(ann.id, **{"topics": [], "review": "daily", **choice})
    assert set(error.value.errors) == {field}
    assert User.objects.get(id=ann.id).notice_mail == {}


def test_a_link_ends_its_own_kind_and_nothing_else(ann):
    notice_mail.unsubscribe(notice_mail.link_token(ann.id, Topic.DECIDED))
    for kind in ("request_approved", "question_asked"):
        tell(ann, kind, key=kind)
    assert mailed(ann) == ["question_asked"]
    notice_mail.unsubscribe(notice_mail.link_token(ann.id, Topic.REVIEW))
    assert User.objects.get(id=ann.id).review_mail == "none"


def test_a_link_that_we_did_not_write_ends_nothing(ann):
    erased = make_user()
    erased.modify(deleted_at=NOON)
    real = notice_mail.link_token(ann.id, Topic.DECIDED)
    others = [
        "",
        "x",
        real[:-1],
        real.swapcase(),
        signed_tokens.sign([str(ann.id), "decided"], purpose="another"),
        signed_tokens.sign([str(ann.id), "spam"], purpose=notice_mail.PURPOSE),
        signed_tokens.sign(["f" * 24, "decided"], purpose=notice_mail.PURPOSE),
        notice_mail.link_token(erased.id, Topic.DECIDED),
    ]
    for token in others:
        with pytest.raises(LinkUnusable):
            notice_mail.unsubscribe(token)
    assert User.objects.get(id=ann.id).notice_mail == {}


# --- reviewers --------------------------------------------------------------------------------------------------------


def test_a_reviewer_who_wants_each_at_once_gets_each(ann):
    rita = make_user(roles=["reviewer"])
    notice_mail.choose(rita.id, topics=[], review="at_once")
    make_request(ann)
    assert mailed(rita) == ["request_waiting"]


def test_the_first_request_of_a_day_makes_all_digests_due_by_one_write_for_each_time_zone(statements):
    reviewers = [make_user(roles=["reviewer"]) for _ in range(6)]
    for one in reviewers[:3]:
        one.modify(time_zone="Asia/Tokyo")
    statements.said.clear()
    ids = [one.id for one in reviewers]
    notice_mail.send(ids, key="k", kind="request_waiting", values={}, url="", created_at=NOON)
    assert statements.said == ["find users", "update users", "update users"]
    assert User.objects(digest_at=datetime(2026, 3, 10, 23, tzinfo=UTC)).count() == 3
    assert User.objects(digest_at=datetime(2026, 3, 11, 8, tzinfo=UTC)).count() == 3


def digests():
    return [(one.user, one["values"]["waiting"]) for one in Delivery.objects(what="digest").order_by("id")]


def test_others_get_one_mail_in_the_morning_with_what_waits_then(ann, clock_hand):
    rita = make_user(roles=["reviewer"])
    rita.modify(time_zone="Asia/Tokyo")
    first, _second = make_request(ann), make_request()
    assert User.objects.get(id=rita.id).digest_at == datetime(2026, 3, 10, 23, tzinfo=UTC)
    clock_hand.move_to(datetime(2026, 3, 10, 22, 59, tzinfo=UTC))
    assert review_digest.send_due() == 0
    third = make_request()
    review.approve(first, by=OPERATOR)
    clock_hand.move_to(datetime(2026, 3, 10, 23, tzinfo=UTC))
    assert (review_digest.send_due(), review_digest.send_due()) == (1, 0)
    assert digests() == [(rita.id, 2)]
    # Only what is new since makes another one.
    clock_hand.shift(timedelta(days=3))
    assert review_digest.send_due() == 0
    review.withdraw(third, by=actor_of(User.objects.get(id=third.user)))


def test_of_twenty_workers_one_sends_the_digest(ann, clock_hand, threads):
    rita = make_user(roles=["reviewer"])
    make_request(ann)
    clock_hand.shift(timedelta(days=1))
    threads(lambda _: review_digest.send_due(), 20)
    assert digests() == [(rita.id, 1)]


@pytest.mark.parametrize(
    "change", ["all are decided", "it is their own", "no reviewer any more", "deactivated", "does not want it any more"]
)
def test_there_is_no_digest_where_it_would_tell_nothing_or_nobody(ann, clock_hand, change):
    rita = make_user(roles=["reviewer"])
    request = make_request(ann)
    if change == "all are decided":
        review.approve(request, by=OPERATOR)
    elif change == "it is their own":
        type(request).objects(id=request.id).update(user=rita.id)
    else:
        changes = {
            "no reviewer any more": {"permissions": []},
            "deactivated": {"active": False},
            "does not want it any more": {"review_mail": "none"},
        }
        rita.modify(**changes[change])
    clock_hand.shift(timedelta(days=1))
    assert review_digest.send_due() == 0
    assert (digests(), User.objects.get(id=rita.id).digest_at) == ([], None)


def test_a_digest_says_how_many_wait_and_where(app, ann, clock_hand, monkeypatch):
    make_user(roles=["reviewer"]).modify(locale="en")
    make_request(ann)
    clock_hand.shift(timedelta(days=1))
    review_digest.send_due()
    with mail_server(app, monkeypatch) as server:
        delivery_attempts.send_waiting(Kind.MAIL, partial(mail.deliver, render=emails.render))
        (sent,) = server.mails
    text, html = parts_of(sent)
    assert sent["Subject"] == "1 request waits for a decision"
    assert "http://localhost/admin/requests" in text
    assert "http://localhost/admin/requests" in html
    assert {one.state for one in Delivery.objects} == {State.SENT}


def test_the_hour_of_the_digest_is_the_readers_own_and_always_ahead(clock_hand):
    for zone in ("UTC", "Asia/Tokyo", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"):
        for hour in range(0, 48, 5):
            clock_hand.move_to(NOON + timedelta(hours=hour))
            ahead = notice_mail.next_digest(zone)
            assert timedelta(0) < ahead - (NOON + timedelta(hours=hour)) <= timedelta(days=1), zone
            assert ahead.hour == 8, zone


def test_a_worker_looks_only_at_those_whose_digest_is_due():
    User._get_collection().insert_many([{"email": f"{i}@example.com", "tier": "free"} for i in range(300)])
    make_user(roles=["reviewer"]).modify(digest_at=NOON)
    plan = User.objects(digest_at__lte=NOON).order_by("digest_at").limit(100).explain()["executionStats"]
    assert (plan["totalDocsExamined"], plan["totalKeysExamined"]) == (1, 1)
