"""A user takes along all that is kept about them, and nothing of others."""

import json
from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.exports import json_document
from app.models.domain_error import Forbidden, TooManyAttempts
from app.services import (
    api_keys,
    deliveries,
    login_sessions,
    notifications,
    order_steps,
    personal_export,
    request_deletion,
    review,
    token_accounts,
    user_changes,
)
from tests.buying import make_order
from tests.chatting import make_talker, say
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_request, make_user


def exported(user):
    return json.loads("".join(json_document(personal_export.export(user.id, by=actor_of(user)))))


def test_it_is_one_json_document_with_a_part_for_each_thing(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "192.0.2.1")
    ann, reviewer = make_talker(email="ann@example.com", name="Ann", password=PASSWORD), make_admin(name="Rita")
    say(ann)
    asked = make_request(ann, reason="I ran out of it.")
    review.add_note(asked, by=actor_of(reviewer), text="Watch this one.")
    review.mark_spam(asked, by=actor_of(reviewer))
    _key, secret = api_keys.create(ann.id, name="My job", scopes=["self"], by=actor_of(ann))
    token = login_sessions.start(ann, address="192.0.2.9", user_agent="Firefox")
    user_changes.set_tier(ann.id, "pro", by=OPERATOR, reason="She asked Rita.")
    deliveries.send_mail(key="x", user=ann.id, template="notice", values={"token": "sealed"})
    bought = make_order(ann)
    order_steps.confirm(bought, by=actor_of(reviewer), note="Her bank called.")
    told = exported(ann)
    assert list(told) == [
        *("exported_at", "profile", "token_account", "ledger", "requests", "supports"),
        *("orders", "conversations", "notifications", "mails", "api_keys", "sessions", "audit_events", "messages"),
    ]
    assert told["profile"]["email"] == "ann@example.com"
    assert told["token_account"]["available"] == token_accounts.view(ann.id).available
    assert told["ledger"][-1]["after"] == told["token_account"]["balance"]
    (request,) = told["requests"]
    assert (request["reason"], request["status"]) == ("I ran out of it.", "rejected")
    (order,) = told["orders"]
    assert [step["status"] for step in order["history"]] == ["created", "paid"]
    assert {one["role"] for one in told["messages"]} == {"user", "assistant"}
    assert {one["conversation"] for one in told["messages"]} == {one["id"] for one in told["conversations"]}
    assert told["sessions"][0]["address"] == "192.0.2.9"
    assert {"key.create", "user.set_tier"} <= {one["action"] for one in told["audit_events"]}
    assert "notice" in {one["what"] for one in told["mails"]}
    text = json.dumps(told)
    for hidden in ("Rita", "Her bank called.", "Watch this one.", "spam", "sealed", ann.password_hash, secret, token):
        assert hidden not in text, hidden


def test_nothing_of_others_is_in_it():
    ann, bob = make_talker(), make_talker(email="bob@example.com")
    say(bob)
    make_request(bob, reason="Only Bob knows.")
    api_keys.create(bob.id, name="Bob's job", scopes=["self"], by=actor_of(bob))
    told = exported(ann)
    assert str(bob.id) not in json.dumps(told)
    assert [told[name] for name in ("requests", "messages", "api_keys")] == [[], [], []]


def test_more_than_a_batch_comes_in_order_and_whole(monkeypatch):
    monkeypatch.setattr(personal_export, "BATCH", 3)
    ann = make_user()
    for n in range(10):
        notifications.notify(key=f"n{n}", user=ann.id, kind="tokens_low", values={"available": n}, at=ann.created_at)
    assert [one["values"]["available"] for one in exported(ann)["notifications"]] == list(range(10))


def test_only_the_user_takes_it_along_and_not_all_day():
    ann = make_user()
    for by in (OPERATOR, actor_of(make_admin())):
        with pytest.raises(Forbidden):
            personal_export.export(ann.id, by=by)
    for _ in range(10):
        personal_export.export(ann.id, by=actor_of(ann))
    with pytest.raises(TooManyAttempts):
        personal_export.export(ann.id, by=actor_of(ann))


def test_a_request_that_was_deleted_is_told_and_nobody_is_called_a_spammer():
    ann, reviewer = make_user(), make_admin()
    spam = review.mark_spam(make_request(ann), by=actor_of(reviewer))
    with time_machine.travel(clock.now() + timedelta(days=31)):
        request_deletion.delete(spam, by=actor_of(reviewer), reason="Only reviewers read this.")
    told = exported(ann)
    (event,) = [one for one in told["audit_events"] if one["action"] == "request.delete"]
    assert event["before"] == {"status": "rejected", "kind": "quota", "user": str(ann.id)}
    assert "Only reviewers" not in json.dumps(told)
