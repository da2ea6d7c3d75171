"""Who may change tokens: who manages users, and nobody their own; using them is what they are for."""

import pytest
from mongoengine.connection import get_db

from app.models.account import GrantSource
from app.models.actor import Actor
from app.models.domain_error import Forbidden
from app.services import api_keys, review, token_accounts
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user

CHANGES = {
    "reset": lambda user, by: token_accounts.reset(user.id, by=by, reason="Why"),
    "bonus": lambda user, by: token_accounts.add_bonus(user.id, 5, by=by, reason="Why"),
    "grant": lambda user, by: token_accounts.grant(user.id, 5, source=GrantSource.BETA, by=by, reason="Why"),
    "revoke": lambda user, by: token_accounts.revoke(user.id, undoes="initial", by=by, reason="Why", key="k"),
    "tier": lambda user, by: token_accounts.change_tier(user.id, "pro", by=by, reason="Why"),
}


@pytest.fixture
def admin():
    made = make_admin()
    token_accounts.spend(made.id, 100, by=actor_of(made))
    return made


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nobody_changes_their_own_tokens(admin, change):
    before = get_db().token_accounts.find_one()
    for by in (actor_of(admin), Actor("key", "f" * 24, "A program", on_behalf_of=str(admin.id))):
        with pytest.raises(Forbidden):
            change(admin, by)
    assert get_db().token_accounts.find_one() == before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_others_and_operators_do(admin, change):
    for by in (actor_of(make_admin()), OPERATOR):
        user = make_user()
        assert change(user, by).entry_id
    assert change(admin, OPERATOR).entry_id


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_who_does_not_manage_users_changes_nobodys(change):
    user, reviewer = make_user(), make_user(roles=["reviewer", "support"])
    api_key, _secret = api_keys.create(make_admin().id, name="x", scopes=["users.read"], by=OPERATOR)
    token_accounts.spend(user.id, 100, by=actor_of(user))
    before = get_db().token_accounts.find_one()
    for by in (actor_of(reviewer), Actor("key", str(api_key.id), "x"), Actor("user", "f" * 24, "Nobody")):
        with pytest.raises(Forbidden):
            change(user, by)
    assert get_db().token_accounts.find_one() == before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_key_that_may_manage_users_does(change):
    api_key, _secret = api_keys.create(make_admin().id, name="x", scopes=["users.manage"], by=OPERATOR)
    assert change(make_user(), Actor("key", str(api_key.id), "x")).entry_id


def test_what_an_approved_request_brings_needs_no_more_than_the_review():
    reviewer, token_request = make_user(roles=["reviewer"]), make_request(used=700)
    review.approve(token_request, by=actor_of(reviewer))
    assert token_accounts.view(token_request.user).used == 0
