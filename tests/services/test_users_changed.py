"""Changing users: what is written, and that somebody who manages users stays."""

from datetime import timedelta

import pytest
from mongoengine.connection import get_db

from app import clock
from app.models.audit_event import AuditEvent
from app.models.permission import ROLES, Permission
from app.models.user import User
from app.services import passwords, user_changes, users
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_user
from tests.registering import outcome


class TestChange:
    def test_a_role_is_granted_and_revoked_with_an_event_each(self):
        admin, user = make_admin(), make_user()
        user_changes.grant_role(user.id, "reviewer", by=actor_of(admin))
        assert user_changes.revoke_role(user.id, "support", by=actor_of(admin)).permissions == ["requests.review"]
        events = list(AuditEvent.objects(object__id=str(user.id)).order_by("id"))
        assert [event.action for event in events] == ["user.create", "user.grant_role", "user.revoke_role"]
        assert events[2].before == {"permissions": ["requests.review", "users.read"]}
        assert events[2].after == {"permissions": ["requests.review"]}
        assert events[2].actor["id"] == str(admin.id)

    def test_what_changes_nothing_writes_nothing(self):
        user = make_user(roles=["support"])
        before = get_db().users.find_one({"_id": user.id})
        user_changes.grant_role(user.id, "support", by=OPERATOR)
        user_changes.revoke_role(make_user().id, "admin", by=OPERATOR)
        assert get_db().users.find_one({"_id": user.id}) == before
        assert AuditEvent.objects(action__in=["user.grant_role", "user.revoke_role"]).count() == 0

    def test_deactivating_twice_is_deactivating_once(self):
        user = make_user()
        assert not user_changes.deactivate(user.id, by=OPERATOR).active
        assert not user_changes.deactivate(user.id, by=OPERATOR).active
        assert AuditEvent.objects(action="user.deactivate").count() == 1

    def test_a_new_password_is_checked_and_never_told(self):
        user = make_user(password=PASSWORD)
        assert outcome(user_changes.set_password, user.id, "short", by=OPERATOR) == "InvalidInput"
        changed = user_changes.set_password(user.id, "another fine password 7", by=OPERATOR)
        assert passwords.matches(changed.password_hash, "another fine password 7")
        assert not passwords.matches(changed.password_hash, PASSWORD)
        assert changed.password_hash not in str(list(get_db().audit_events.find()))

    def test_two_who_change_the_same_permissions_at_once_lose_nothing(self, threads):
        user, roles = make_user(), ["reviewer", "support"]
        outcomes = threads(lambda i: outcome(user_changes.grant_role, user.id, roles[i % 2], by=OPERATOR), 6)
        assert set(outcomes) <= {"done", "Busy"}
        assert "done" in outcomes
        granted = {
            permission for i, said in enumerate(outcomes) if said == "done" for permission in ROLES[roles[i % 2]]
        }
        assert granted == set(users.get(user.id).permissions)


class TestLastAdmin:
    def test_the_last_who_manages_users_stays(self):
        admin = make_admin()
        make_user(roles=["reviewer"])
        assert outcome(user_changes.revoke_role, admin.id, "admin", by=OPERATOR) == "LastAdmin"
        assert outcome(user_changes.deactivate, admin.id, by=OPERATOR) == "LastAdmin"
        assert users.get(admin.id).has(Permission.USERS_MANAGE)
        assert "leaving_at" not in get_db().users.find_one({"_id": admin.id})

    def test_others_may_go_and_one_who_is_inactive_or_off_the_list_does_not_count(self, app, monkeypatch):
        first, second, third = make_admin("a@example.com"), make_admin("b@example.com"), make_admin("c@example.com")
        assert outcome(user_changes.deactivate, first.id, by=OPERATOR) == "done"
        assert outcome(user_changes.revoke_role, first.id, "admin", by=OPERATOR) == "done"
        monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["b@example.com"])
        assert outcome(user_changes.deactivate, second.id, by=OPERATOR) == "LastAdmin"
        assert outcome(user_changes.deactivate, third.id, by=OPERATOR) == "done"

    def test_a_role_without_the_management_of_users_can_always_be_taken(self):
        admin = make_admin()
        assert outcome(user_changes.revoke_role, admin.id, "reviewer", by=OPERATOR) == "done"

    @pytest.mark.parametrize(
        "remove", [user_changes.deactivate, lambda user_id, by: user_changes.revoke_role(user_id, "admin", by=by)]
    )
    def test_admins_who_remove_each_other_at_once_leave_one(self, threads, remove):
        for _ in range(10):
            get_db().users.delete_many({})
            admins = [make_admin() for _ in range(3)]
            threads(lambda i, admins=admins: outcome(remove, admins[i].id, by=actor_of(admins[i - 1])), 3)
            assert User.objects.who_may(Permission.USERS_MANAGE).count() >= 1
            assert User.objects(leaving_at__ne=None).count() == 0

    def test_one_who_is_leaving_does_not_count_as_staying_for_a_minute(self):
        leaving, other = make_admin(), make_admin()
        mark = {"$set": {"leaving_at": clock.now() - timedelta(seconds=50)}}
        get_db().users.update_one({"_id": leaving.id}, mark)
        assert outcome(user_changes.deactivate, other.id, by=OPERATOR) == "LastAdmin"
        assert outcome(user_changes.deactivate, leaving.id, by=OPERATOR) == "Busy"
        mark["$set"]["leaving_at"] -= timedelta(seconds=10)
        get_db().users.update_one({"_id": leaving.id}, mark)
        assert outcome(user_changes.deactivate, other.id, by=OPERATOR) == "done"
