"""The host product's users at the service: what happens at once with something else."""

import pytest

from app.models.audit_event import AuditEvent
from app.models.domain_error import AlreadyExists, Busy, Forbidden, NotFound, UserProtected
from app.models.user import User
from app.services import host_users, user_changes
from tests.factories import OPERATOR, actor_of, make_admin, make_user

ADA = {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+79991234567"}


def put(**values):
    return host_users.put("u-17", values, by=OPERATOR)


def test_a_user_is_made_then_changed():
    user, is_new = put(**ADA)
    assert is_new
    changed, is_new = put(name="Ada L.")
    assert not is_new
    assert (changed.id, changed.name, changed.email) == (user.id, "Ada L.", "ada@example.com")


def test_search_finds_a_changed_user_by_what_they_are_called_now():
    put(**ADA)
    user, _new = put(name="Grace", phone=None)
    assert {"grace", "ada@example.com", "u-17"} <= set(user.search)
    assert not {"lovelace", "79991234567"} & set(user.search)


def test_no_phone_leaves_no_field_that_would_be_somebody_elses():
    put(**ADA)
    put(phone=None)
    host_users.put("u-18", {"email": "bob@example.com", "phone": None}, by=OPERATOR)
    assert User.objects(phone__exists=True).count() == 0


def test_the_trail_does_not_repeat_what_is_personal():
    put(**ADA)
    put(name="Grace", email="grace@example.com", tier="pro")
    event = AuditEvent.objects.get(action="user.update")
    assert (event.before, event.after) == ({"tier": "free"}, {"tier": "pro", "changed": ["email", "name", "tier"]})


def test_changes_of_different_fields_at_once_all_hold(threads):
    put(**ADA)
    changes = [
        {"name": "Grace"},
        {"email": "grace@example.com"},
        {"phone": "+12025550100"},
        {"locale": "ru"},
        {"tier": "pro"},
    ]
    outcomes = threads(lambda i: put(**changes[i % 5]), 20)
    assert not [one for one in outcomes if isinstance(one, Exception)]
    user = User.objects.get(external_id="u-17")
    for change in changes:
        ((field, value),) = change.items()
        assert user[field] == value
    assert AuditEvent.objects(action="user.update").count() == 5
    assert {"grace", "grace@example.com", "12025550100", "u-17"} <= set(user.search)


def test_of_two_who_claim_one_address_one_has_it(threads):
    outcomes = threads(lambda i: host_users.put(f"u-{i}", {"email": "ada@example.com"}, by=OPERATOR), 10)
    refusals = [one for one in outcomes if isinstance(one, AlreadyExists)]
    assert len(refusals) == 9
    assert all(list(one.errors) == ["email"] for one in refusals)


def test_who_is_protected_meanwhile_keeps_their_address(monkeypatch):
    user, _new = put(**ADA)
    read = User.objects(external_id="u-17").first()
    user_changes.grant_role(user.id, "support", by=OPERATOR)
    changes = {"email": "eve@example.com"}
    assert User._get_collection().count_documents(host_users._as_read(read, changes)) == 0
    with pytest.raises(UserProtected):
        put(**changes)


def test_who_is_always_overtaken_is_told_so(monkeypatch):
    put(**ADA)
    monkeypatch.setattr(host_users, "_as_read", lambda user, changes: {"_id": "somebody else"})
    with pytest.raises(Busy):
        put(name="Grace")


@pytest.mark.parametrize("external_id", ["", "a b", "x" * 129, "a@b", "naïve", "a\n", "{}"])
def test_what_is_no_external_id_makes_nobody(external_id):
    with pytest.raises(NotFound):
        host_users.put(external_id, ADA, by=OPERATOR)
    assert User.objects.count() == 0


@pytest.mark.parametrize("make", [make_user, make_admin])
def test_people_do_not_speak_for_the_host_product(make):
    with pytest.raises(Forbidden):
        host_users.put("u-17", ADA, by=actor_of(make()))
