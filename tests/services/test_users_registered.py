"""Users who register by themselves, and the confirmation of their addresses."""

import pytest
from bson import ObjectId

from app.models.actor import SYSTEM, Actor
from app.models.audit_event import AuditEvent
from app.models.domain_error import InvalidInput
from app.models.user import User
from app.services import api_keys, passwords, user_changes, users
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_user
from tests.registering import outcome, register


class TestRegister:
    def test_who_registers_gets_nothing_that_is_for_others_to_give(self):
        user = register(" Ann@Example.com", name=" Ann ", locale="ru")
        assert (user.email, user.name, user.locale, user.tier) == ("ann@example.com", "Ann", "ru", "free")
        assert not user.email_confirmed
        assert user.active
        assert not user.permissions
        assert passwords.matches(user.password_hash, PASSWORD)

    def test_the_trail_says_that_they_did_it_themselves(self):
        user = register("ann@example.com", name="Ann")
        event = AuditEvent.objects.get()
        assert (event.action, event.object["id"], event.address) == ("user.create", str(user.id), "192.0.2.1")
        assert event.actor == {"kind": "user", "id": str(user.id), "name": "Ann"}

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"email": "ann"}, "email"),
            ({"password": "short"}, "password"),
            ({"password": "ann@example.com"}, "password"),
            ({"name": "x" * 101}, "name"),
            ({"name": "two\nlines"}, "name"),
        ],
    )
    def test_bad_input_is_refused_by_its_field_and_nothing_is_stored(self, values, field):
        with pytest.raises(InvalidInput) as refused:
            register(**{"email": "ann@example.com"} | values)
        assert list(refused.value.errors) == [field]
        assert User.objects.count() == AuditEvent.objects.count() == 0

    def test_of_several_at_once_with_one_email_one_is_made(self, threads):
        outcomes = threads(lambda _: outcome(register, "ann@example.com"), 8)
        assert sorted(outcomes) == ["AlreadyExists"] * 7 + ["done"]


class TestConfirmEmail:
    @pytest.fixture
    def ann(self):
        return register("ann@example.com")

    @pytest.mark.parametrize("who", ["operator", "admin", "themselves"])
    def test_an_address_is_confirmed_with_one_event(self, ann, who):
        by = {"operator": OPERATOR, "admin": actor_of(make_admin()), "themselves": actor_of(ann)}[who]
        confirmed = user_changes.confirm_email(ann.id, by=by)
        assert confirmed.email_confirmed
        assert confirmed.due == []
        event = AuditEvent.objects.get(action="user.confirm_email")
        assert (event.before, event.after) == ({"email_confirmed": False}, {"email_confirmed": True})
        assert event.actor == by.stamp()

    def test_it_ends_no_session_and_happens_once(self, ann, threads):
        assert threads(lambda _: user_changes.confirm_email(ann.id, by=OPERATOR).session_epoch, 8) == [0] * 8
        assert AuditEvent.objects(action="user.confirm_email").count() == 1

    def test_only_they_themselves_and_who_manages_users_may(self, ann):
        assert outcome(user_changes.confirm_email, ann.id, by=actor_of(make_user())) == "Forbidden"
        assert outcome(user_changes.confirm_email, ann.id, by=actor_of(make_user(roles=["reviewer"]))) == "Forbidden"
        assert outcome(user_changes.confirm_email, ObjectId(), by=OPERATOR) == "NotFound"
        assert not users.get(ann.id).email_confirmed

    def test_whom_an_operator_makes_counts_as_confirmed_and_whom_a_program_makes_does_not(self):
        admin = make_admin()
        api_key, _ = api_keys.create(admin.id, name="x", scopes=["users.manage"], by=OPERATOR)
        by = Actor("key", str(api_key.id), "x", on_behalf_of=str(admin.id))
        assert [make_user(by=one).email_confirmed for one in (OPERATOR, SYSTEM, actor_of(admin), by)] == [
            True,
            True,
            True,
            False,
        ]
