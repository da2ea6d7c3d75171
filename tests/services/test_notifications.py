"""Telling users things once, and marking them read."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId
from mongoengine import ValidationError
from mongoengine.connection import get_db

from app.models.domain_error import NotFound
from app.models.notification import KINDS, Notification
from app.services import notifications
from tests.factories import make_admin, make_user

ANN, BOB = ObjectId(), ObjectId()
AT = datetime(2026, 11, 20, tzinfo=UTC)


def tell(user=ANN, key="a", kind="request_received", **values):
    notifications.notify(key=key, user=user, kind=kind, values={"number": 1}, url="/requests/1", at=AT, **values)


def test_a_notification_holds_what_it_was_given():
    tell()
    [told] = notifications.page(ANN)
    assert (told.kind, told["values"], told.url, told.created_at, told.read_at) == (
        "request_received",
        {"number": 1},
        "/requests/1",
        AT,
        None,
    )


def test_one_key_from_50_threads_tells_once(threads):
    assert threads(lambda _: tell(), 50) == [None] * 50
    assert len(notifications.page(ANN)) == 1


def test_a_key_is_each_users_own():
    tell(ANN)
    tell(BOB)
    assert [len(notifications.page(user)) for user in (ANN, BOB)] == [1, 1]


def test_a_repeat_leaves_a_read_notification_read():
    tell()
    notifications.mark_all_read(ANN)
    tell()
    assert notifications.unread_count(ANN) == 0


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValidationError):
        tell(kind="nonsense")
    assert notifications.page(ANN) == []


def test_values_that_look_like_operators_are_kept_as_they_are():
    response = '{"$set": {"tier": "pro"}} $where 🙂 \u202e'
    notifications.notify(key="k", user=ANN, kind="request_approved", values={"number": 1, "response": response})
    assert notifications.page(ANN)[0]["values"]["response"] == response


def test_pages_continue_where_the_one_before_ended():
    for n in range(5):
        tell(key=str(n))
    first = notifications.page(ANN, limit=3)
    second = notifications.page(ANN, before=first[-1].id, limit=3)
    assert [told.key for told in first + second] == ["4", "3", "2", "1", "0"]


def test_counting_the_unread_stops_at_its_limit():
    for n in range(5):
        tell(key=str(n))
    tell(BOB)
    assert (notifications.unread_count(ANN), notifications.unread_count(ANN, at_most=3)) == (5, 3)


def test_marking_one_read_keeps_the_first_time():
    tell()
    [told] = notifications.page(ANN)
    notifications.mark_read(ANN, told.id)
    first = notifications.page(ANN)[0].read_at
    notifications.mark_read(ANN, told.id)
    assert notifications.page(ANN)[0].read_at == first is not None


@pytest.mark.parametrize("whose", ["somebody else's", "nobody's"])
def test_what_is_not_ones_own_cannot_be_marked_read(whose):
    tell(BOB)
    [told] = notifications.page(BOB)
    with pytest.raises(NotFound):
        notifications.mark_read(ANN, told.id if whose == "somebody else's" else ObjectId())
    assert notifications.unread_count(BOB) == 1


def test_marking_all_read_leaves_other_users_alone():
    tell(ANN)
    tell(BOB)
    notifications.mark_all_read(ANN)
    assert (notifications.unread_count(ANN), notifications.unread_count(BOB)) == (0, 1)


def test_reviewers_hear_once_of_a_request_but_not_of_their_own(threads):
    reviewers = [make_admin("adam@example.com"), make_user("rita@example.com", roles=["reviewer"])]
    asking = make_admin("own@example.com")
    others = [make_user("sue@example.com", roles=["support"]), make_user("ann@example.com")]
    told = {"key": "request:1", "kind": "request_waiting", "values": {"number": 1, "name": "Own"}, "url": "/admin"}
    threads(lambda _: notifications.notify_reviewers(**told, except_user=asking.id), 20)
    assert [len(notifications.page(user.id)) for user in [*reviewers, asking, *others]] == [1, 1, 0, 0, 0]


def test_reviewers_whom_the_allowlist_does_not_name_hear_nothing(app, monkeypatch):
    named, other = make_user("rita@example.com", roles=["reviewer"]), make_user("rob@example.com", roles=["reviewer"])
    monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["Rita@example.com"])
    notifications.notify_reviewers(key="k", kind="request_waiting", values={"number": 1, "name": "Ann"})
    assert [len(notifications.page(user.id)) for user in (named, other)] == [1, 0]


def test_nobody_hears_where_nobody_reviews():
    notifications.notify_reviewers(key="k", kind="request_waiting", values={"number": 1, "name": "Ann"})
    assert Notification.objects.count() == 0


def test_every_kind_has_a_sentence(app):
    with app.test_request_context():
        sentence = app.jinja_env.get_template("components/notification.html").module.notification_text
        for kind in KINDS:
            values = {"number": 7, "name": "Ann", "response": "Yes", "question": "Why?", "available": 900, "tokens": 5}
            assert sentence(Notification(kind=kind, values=values)).strip(), kind


def test_counting_the_unread_does_not_read_the_read():
    for n in range(30):
        tell(key=str(n))
    notifications.mark_all_read(ANN)
    tell(key="new")
    query = {"user": ANN, "read_at": None}
    explained = get_db().command("explain", {"count": "notifications", "query": query}, verbosity="executionStats")
    assert explained["executionStats"]["totalKeysExamined"] <= 2
