"""A user deletes their account: nothing of the person stays anywhere, and the books do."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from mongoengine.connection import get_db

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action, AuditEvent
from app.models.catalogue_token import CatalogueToken
from app.models.domain_error import BadCredentials, Busy, Forbidden, InvalidInput, TooManyAttempts, UserInactive
from app.models.message import Message, Status
from app.models.notification import Notification
from app.models.order import Order
from app.models.review_batch import BatchAction
from app.models.support import Support
from app.models.token_request import TokenRequest
from app.models.user import NOBODY, User
from app.services import (
    account_deletion,
    api_keys,
    catalogue_removal,
    deliveries,
    due,
    host_users,
    ledger_verify,
    login_sessions,
    message_reading,
    order_steps,
    orders,
    personal_erasure,
    request_deletion,
    reservations,
    review,
    review_batches,
    sign_in,
    supports,
    token_accounts,
    user_changes,
    users,
)
from tests.batches import perform, seen
from tests.buying import make_order
from tests.chatting import announced, make_talker, say
from tests.effects import outcome
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_request, make_user
from tests.steps import make_beta, make_listing

EMAIL, NAME, PHONE = "zebedee@example.com", "Zebedee Quux", "+79991234567"


def delete(user, proof=EMAIL, by=None):
    account_deletion.delete(user.id, proof=proof, by=by or actor_of(user))


def much_later():
    """What the worker does when nothing that was begun before can go on any more."""
    with time_machine.travel(clock.now() + 2 * account_deletion.AFTERWARDS):
        due.perform_waiting()


MARKS = (
    *("zebedee", "79991234567", "192.0.2.99", "quux-message", "quux-reason", "quux-note", "quux-answer"),
    *("quux-response", "quux-tier", "quux-browser", "quux-old"),
    *("quux-fact", "quux-key", "quux-iban", "quux-call", "quux-call-name"),
    *("quux-spend", "quux-meta", "quux-bonus", "quux-deleted", "quux-batch"),
)


def traces():
    """Which collections still hold which mark of the person."""
    kept = {name: str(list(get_db()[name].find())).lower() for name in get_db().list_collection_names()}
    return {mark: found for mark in MARKS if (found := sorted(name for name, text in kept.items() if mark in text))}


def make_person(**values):
    """A user of whom there is something of everything, with marks that can be looked for."""
    person = make_talker(email=EMAIL, name=NAME, **values)
    by, reviewer = actor_of(person), make_admin()
    user_changes.set_phone(person.id, PHONE, by=OPERATOR)
    say(person, "quux-message")
    first = make_request(person, reason="quux-reason")
    review.add_note(first, by=actor_of(reviewer), text="quux-note")
    review.ask(first, by=actor_of(reviewer), question="quux-question")
    review.answer(first, by=by, answer="quux-answer")
    review.reject(first, by=actor_of(reviewer), response="quux-response")
    make_request(person, reason="quux-reason again")
    user_changes.set_tier(person.id, "pro", by=actor_of(reviewer), reason="quux-tier")
    token_accounts.spend(person.id, 10, by=by)
    login_sessions.start(person, address="192.0.2.99", user_agent="quux-browser")
    program, _secret = api_keys.create(person.id, name="quux-key", scopes=["self"], by=by)
    keyed = Actor("key", str(program.id), "quux-call-name", address="192.0.2.99", on_behalf_of=str(person.id))
    token_accounts.spend(
        person.id, 10, by=keyed, key="api:quux-call", description="quux-spend", metadata={"who": "quux-meta"}
    )
    token_accounts.add_bonus(person.id, 10, by=actor_of(reviewer), reason="quux-bonus")
    make_listing(person, reason="quux-reason", additional_info={"Site": "quux-fact"})
    paid = orders.place(person, package="basic", key="quux-call", by=keyed).order
    order_steps.confirm(paid, by=actor_of(reviewer), note="quux-iban")
    make_order(person)
    supports.support(person, make_listing().number, by=by)
    gone = make_beta(person)
    review.reject(gone, by=actor_of(reviewer), response="quux-deleted")
    with time_machine.travel(clock.now() + timedelta(days=31)):
        request_deletion.delete(gone.reload(), by=actor_of(reviewer), reason="quux-deleted")
    words = {"response": "quux-batch response", "note": "quux-batch note"}
    perform(review_batches.start(seen(make_beta(person)), BatchAction.REJECT, by=actor_of(reviewer), **words))
    message_reading.search(message_reading.Search("quux-message", user=person.id), by=actor_of(reviewer))
    return users.get(person.id)


def test_nothing_of_the_person_is_left_anywhere(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "192.0.2.1")
    person = make_person()
    deliveries.send_mail(key="x", user=person.id, template="notice", address="quux-old@example.com")
    assert traces().keys() == {*MARKS}
    delete(person)
    assert traces() == {}
    assert [item["key"] for item in User.objects.get(id=person.id).due] == [f"user:{person.id}:erase-again"]
    much_later()
    assert User.objects.get(id=person.id).due == []


def test_the_books_stay_whole(app):
    person = make_person()
    balance, statuses = token_accounts.view(person.id).balance, ["rejected", "withdrawn", "withdrawn", "rejected"]
    delete(person)
    assert token_accounts.view(person.id).balance == balance
    assert [problem for _account, problem in ledger_verify.verify() if problem] == []
    assert [one.status for one in TokenRequest.objects.of(person.id).newest_first()] == statuses
    (event,) = AuditEvent.objects(action=Action.USER_DELETE)
    assert (event.actor["id"], event.object["id"], event.address) == (str(person.id), str(person.id), None)


def test_what_is_paid_stays_and_what_is_not_is_cancelled():
    person = make_person()
    delete(person)
    unpaid, paid = Order.objects(user=person.id).order_by("-number")
    assert (unpaid.status, paid.status) == ("cancelled", "paid")
    assert [step["by"]["name"] for step in paid.history] == [NOBODY, paid.history[1]["by"]["name"]]
    assert Support.objects.count() == 0


def test_a_payment_that_comes_later_is_credited_to_nobody_s_name_and_can_be_refunded():
    person = make_user(EMAIL, name=NAME)
    order = make_order(person)
    delete(person)
    order_steps.confirm(order, by=OPERATOR)
    assert order_steps.refund(order, by=OPERATOR, reason="They are gone.").status == "refunded"
    assert "zebedee" not in traces()


def test_supporters_hear_what_became_of_the_listing_of_somebody_who_is_gone():
    person, other = make_user(EMAIL), make_user()
    listing = make_listing(person)
    supports.support(other, listing.number, by=actor_of(other))
    delete(person)
    assert "supported_closed" in Notification.objects(user=other.id).scalar("kind")


def test_every_way_in_ends(app):
    person = make_user(EMAIL, password=PASSWORD)
    _key, secret = api_keys.create(person.id, name="x", scopes=["self"], by=actor_of(person))
    token = login_sessions.start(person)
    delete(person, PASSWORD)
    assert login_sessions.find(token) is None
    assert api_keys.find(secret) is None
    for email in (EMAIL, f"deleted-{person.id}@deleted.invalid"):
        with pytest.raises(BadCredentials):
            sign_in.sign_in(email, PASSWORD, address="127.0.0.1")


def test_nothing_of_a_person_comes_back_to_a_deleted_account():
    person, admin = make_user(EMAIL, name=NAME), make_admin()
    refused = review.reject(make_request(person), by=actor_of(admin), response="No.")
    delete(person)
    before = User._get_collection().find_one({"_id": person.id})
    tries = {
        "activate": lambda: user_changes.activate(person.id, by=OPERATOR),
        "phone": lambda: user_changes.set_phone(person.id, PHONE, by=OPERATOR),
        "password": lambda: user_changes.set_password(person.id, "four quiet otters swim", by=OPERATOR),
        "tier": lambda: user_changes.set_tier(person.id, "pro", by=OPERATOR),
        "role": lambda: user_changes.grant_role(person.id, "admin", by=OPERATOR),
        "permissions": lambda: user_changes.set_permissions(person.id, ["users.read"], by=OPERATOR),
        "reopen": lambda: review.reopen(refused, by=actor_of(admin), note="Once more."),
    }
    assert {what: outcome(step) for what, step in tries.items()} == dict.fromkeys(tries, "Forbidden")
    user_changes.confirm_email(person.id, by=OPERATOR)
    assert User._get_collection().find_one({"_id": person.id}) == before


def test_address_and_external_id_are_free_for_somebody_new(app):
    person, _ = host_users.put("u-1", {"email": EMAIL}, by=OPERATOR)
    delete(person)
    again, is_new = host_users.put("u-1", {"email": EMAIL}, by=OPERATOR)
    assert is_new
    assert again.id != person.id


@pytest.mark.parametrize("proof", ["", "a guess", EMAIL])
def test_without_the_password_nothing_is_deleted(proof):
    person = make_user(EMAIL, password=PASSWORD)
    with pytest.raises(InvalidInput) as refusal:
        delete(person, proof)
    assert list(refusal.value.errors) == ["proof"]
    assert users.get(person.id).active


def test_whoever_has_no_password_types_the_address():
    person = make_user(EMAIL)
    with pytest.raises(InvalidInput):
        delete(person, "other@example.com")
    delete(person, " Zebedee@example.com ")
    assert not users.get(person.id).active


def test_whoever_holds_a_permission_gives_it_back_first():
    admin = make_admin(EMAIL)
    with pytest.raises(Forbidden):
        delete(admin)
    assert users.get(admin.id).active


def test_nobody_deletes_somebody_else_and_no_key_its_owner():
    person = make_user(EMAIL)
    for by in (OPERATOR, actor_of(make_admin())):
        with pytest.raises(Forbidden):
            delete(person, by=by)


def test_the_password_cannot_be_found_out_by_trying(app, monkeypatch):
    monkeypatch.setitem(app.config, "SIGN_IN_ATTEMPTS", 1)
    person = make_user(EMAIL, password=PASSWORD)
    with pytest.raises(InvalidInput):
        delete(person, "a guess")
    with pytest.raises(TooManyAttempts):
        delete(person, PASSWORD)


def test_deleted_by_two_at_once_it_is_deleted_once(threads):
    person = make_person()
    outcomes = threads(lambda _i: delete(person), 3)
    assert sum(one is None for one in outcomes) == 1
    assert {type(one) for one in outcomes if one} <= {Busy, Forbidden, InvalidInput, UserInactive}
    assert AuditEvent.objects(action=Action.USER_DELETE).count() == 1


def test_an_answer_that_is_being_written_is_charged_before_it_is_erased():
    person = make_talker(email=EMAIL)
    answer = announced(person)
    delete(person)
    assert Message.objects.count() == 2
    # Its writer was asked to end it.
    assert Message.objects.get(id=answer.id).stop_asked
    Message.objects(id=answer.id).update(status=Status.DONE.value)
    much_later()
    assert Message.objects.count() == 0
    assert users.get(person.id).due == []


def test_what_another_tab_was_just_doing_is_erased_when_it_is_done(app):
    """The account is deleted between the moment in which a page looked at its user and the one in which it writes."""
    person = make_person()
    bystander = make_listing()
    delete(person)
    make_request(person, reason="quux-reason")
    announced(person)
    make_order(person)
    supports.support(person, bystander.number, by=actor_of(person))
    login_sessions.start(person, address="192.0.2.99", user_agent="quux-browser")
    token_accounts.spend(person.id, 1, by=actor_of(person), description="quux-spend")
    assert {"quux-reason", "quux-browser", "quux-spend", "zebedee"} <= traces().keys()
    Message.objects.update(status=Status.DONE.value)
    much_later()
    assert traces() == {}
    assert TokenRequest.objects(user=person.id, status="pending").count() == 0
    assert Support.objects.count() == 0
    assert [problem for _account, problem in ledger_verify.verify() if problem] == []


def test_an_answer_that_goes_away_at_this_moment_keeps_nothing_from_being_erased(monkeypatch):
    person = make_talker(email=EMAIL, name=NAME)
    announced(person)
    erase = personal_erasure._withdraw_requests

    def meanwhile(*arguments):
        Message.objects.delete()
        erase(*arguments)

    monkeypatch.setattr(personal_erasure, "_withdraw_requests", meanwhile)
    delete(person)
    assert traces() == {}


def test_the_name_of_somebody_who_has_decided_for_others_goes_there_too():
    rita = make_user(EMAIL, name=NAME, roles=["admin"])
    by, other = actor_of(rita), make_user()
    asked = make_request(other)
    review.add_note(asked, by=by, text="A note.")
    review.approve(asked, by=by)
    token_accounts.add_bonus(other.id, 10, by=by, reason="A bonus.")
    order_steps.confirm(make_order(other), by=by, note="Paid.")
    late = make_beta(other)
    batch = review_batches.start(seen(late), BatchAction.REJECT, response="No.", by=actor_of(make_admin()))
    review.approve(late, by=by)
    perform(batch)
    perform(review_batches.start(seen(make_beta()), BatchAction.REJECT, response="No.", by=by))
    review.approve(make_listing(make_user()), by=OPERATOR)
    catalogue_removal.remove(CatalogueToken.objects.get(), by=by, reason="Drained")
    # Where nothing was decided, no event tells of the batch; nor does any of a request that is only in hand.
    perform(review_batches.start(seen(late), BatchAction.REJECT, response="No.", by=replace(by, address="192.0.2.99")))
    make_request(make_user())
    assert reservations.next_for(by)
    user_changes.set_permissions(rita.id, [], by=OPERATOR)
    assert {"orders", "review_batches", "token_accounts", "token_requests"} <= {*traces()["zebedee"]}
    delete(users.get(rita.id))
    assert traces() == {}
    assert [one.decision["by"]["id"] for one in TokenRequest.objects(user=other.id)] == [str(rita.id)] * 2
    assert [problem for _account, problem in ledger_verify.verify() if problem] == []


def test_what_reviewers_were_told_of_a_person_is_found_by_an_index():
    told = {"kind": "request_waiting", "key": {"$in": ["request:1:0", "request:2:0"]}}
    ordered = {"kind": "order_waiting", "key": {"$in": ["order_waiting:1:2026-03-10T12"]}}
    for query in (told, ordered):
        plan = Notification._get_collection().find(query).explain()["queryPlanner"]["winningPlan"]
        assert "COLLSCAN" not in str(plan), query


STEPS = (
    *("_stop_answers", "_withdraw_requests", "_erase_requests", "_cancel_orders", "_erase_orders", "_erase_notices"),
    *("_end_keys", "_delete_chats", "_erase_trail"),
)


@pytest.mark.parametrize("step", STEPS)
def test_what_a_crash_interrupts_is_finished_by_the_worker(monkeypatch, step):
    person = make_person()

    def die(*_arguments):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(personal_erasure, step, die)
        with pytest.raises(SystemExit):
            delete(person)
    with time_machine.travel(clock.now() + timedelta(minutes=1)):
        due.perform_waiting()
    assert traces() == {}
    personal_erasure.erase(person.id)
    assert AuditEvent.objects(action=Action.USER_DELETE).count() == 1
