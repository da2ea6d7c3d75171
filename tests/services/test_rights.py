"""What an actor holds, and what a key may do for its owner."""

import pytest
from bson import ObjectId

from app.models.actor import SYSTEM, Actor
from app.models.permission import Permission
from app.models.user import User
from app.services import api_keys, review, rights, user_changes
from tests.effects import outcome
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_request, make_user

ALL = frozenset(Permission)


def program(owner, *scopes):
    """A key of `owner` as services know a caller."""
    api_key, _ = api_keys.create(owner.id, name="A program", scopes=scopes, by=OPERATOR)
    return Actor("key", str(api_key.id), api_key.name, on_behalf_of=str(owner.id))


def test_operators_and_the_system_hold_all():
    assert rights.held(OPERATOR) == rights.held(SYSTEM) == ALL


def test_a_user_holds_what_they_were_given():
    assert rights.held(actor_of(make_user(roles=["support"]))) == {"users.read"}
    assert rights.held(actor_of(make_user())) == frozenset()


def test_a_key_holds_its_scopes_as_far_as_its_owner_does():
    admin, boss = make_admin(), make_admin()
    by = program(admin, "self", "users.manage", "requests.review", "usage.write")
    assert rights.held(by) == {"users.manage", "requests.review", "usage.write"}
    user_changes.revoke_role(admin.id, "reviewer", by=actor_of(boss))
    assert rights.held(by) == {"users.manage", "usage.write"}
    user_changes.deactivate(admin.id, by=actor_of(boss))
    assert rights.held(by) == frozenset()


def test_a_key_that_has_ended_and_one_that_never_was_hold_nothing():
    admin = make_admin()
    by = program(admin, "users.manage")
    api_keys.revoke(ObjectId(by.id), by=actor_of(admin))
    assert rights.held(by) == frozenset()
    assert rights.held(Actor("key", str(ObjectId()), "A key", on_behalf_of=str(admin.id))) == frozenset()


def test_a_key_gives_only_what_it_holds():
    admin, user = make_admin(), make_user()
    by = program(admin, "users.manage", "users.read")
    assert outcome(user_changes.grant_role, user.id, "support", by=by) == "done"
    assert outcome(user_changes.grant_role, user.id, "reviewer", by=by) == "Forbidden"
    assert outcome(user_changes.grant_role, user.id, "support", by=program(admin, "users.read")) == "Forbidden"


def test_nobody_changes_their_own_permissions_through_a_key():
    make_admin()
    admin = make_admin()
    by = program(admin, "self", "users.manage", "users.read")
    assert outcome(user_changes.grant_role, admin.id, "support", by=by) == "Forbidden"
    assert outcome(user_changes.deactivate, admin.id, by=by) == "Forbidden"


def test_no_key_sets_a_password():
    admin = make_admin()
    by = program(admin, *api_keys.offered(admin))
    assert outcome(user_changes.set_password, admin.id, PASSWORD, by=by) == "Forbidden"
    assert outcome(user_changes.set_password, make_user().id, PASSWORD, by=by) == "Forbidden"


def test_nobody_decides_their_own_request_through_a_key():
    admin = make_admin()
    mine, theirs = make_request(admin), make_request()
    by = program(admin, "self", "requests.review")
    assert outcome(review.approve, mine, by=by) == "Forbidden"
    assert outcome(review.approve, theirs, by=by) == "done"
    assert outcome(review.withdraw, mine, by=by) == "done"


@pytest.mark.parametrize("email", ["ann@example.com", "boss@example.com"])
def test_the_allowlist_counts_for_users_and_their_keys(app, monkeypatch, email):
    admin = make_admin(email)
    by = program(admin, "users.manage", "usage.write")
    monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["boss@example.com"])
    named = email == "boss@example.com"
    assert rights.held(by) == ({"users.manage", "usage.write"} if named else frozenset())
    assert rights.held(actor_of(admin)) == (frozenset(User.objects.get(id=admin.id).permissions) if named else set())
