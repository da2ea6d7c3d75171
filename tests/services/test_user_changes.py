"""Single permissions, phone numbers, and letting somebody in again: what is refused, and what is written."""

import pytest

from app.models.audit_event import AuditEvent
from app.models.permission import ROLES
from app.models.user import User
from app.services import user_changes, user_list, users
from app.services.user_list import Filters
from tests.effects import outcome
from tests.factories import OPERATOR, actor_of, make_admin, make_user


def holding(*permissions):
    """A user who holds just these."""
    user = make_user()
    User.objects(id=user.id).update(permissions=list(permissions))
    return user


class TestSetPermissions:
    @pytest.mark.parametrize("wanted", [[], ["users.read"], ["audit.read", "users.manage"], sorted(ROLES["admin"])])
    def test_the_user_holds_exactly_what_was_chosen(self, wanted):
        make_admin()
        user = make_user(roles=["reviewer"])
        changed = user_changes.set_permissions(user.id, wanted, by=OPERATOR)
        assert changed.permissions == sorted(wanted)
        assert changed.session_epoch == user.session_epoch + 1
        event = AuditEvent.objects(action="user.set_permissions").get()
        assert (event.before["permissions"], event.after["permissions"]) == (user.permissions, sorted(wanted))

    def test_the_same_again_changes_nothing_and_ends_no_session(self):
        user = make_user(roles=["reviewer"])
        changed = user_changes.set_permissions(user.id, user.permissions, by=OPERATOR)
        assert changed.session_epoch == user.session_epoch
        assert not AuditEvent.objects(action="user.set_permissions")

    @pytest.mark.parametrize(
        ("held", "before", "wanted", "expected"),
        [
            (["users.manage"], [], ["users.read"], "Forbidden"),
            (["users.manage", "users.read"], [], ["users.read"], "done"),
            (["users.manage", "users.read"], ["audit.read"], ["audit.read", "users.read"], "done"),
            (["users.manage"], ["audit.read"], [], "done"),
            (["users.read"], [], [], "Forbidden"),
            (["users.manage"], [], ["usage.write"], "Forbidden"),
            (["users.manage"], [], ["boss"], "InvalidInput"),
            (["users.manage"], [], ["$set"], "InvalidInput"),
        ],
    )
    def test_nobody_gives_what_they_do_not_hold(self, held, before, wanted, expected):
        maker, user = holding(*held), holding(*before)
        assert outcome(user_changes.set_permissions, user.id, wanted, by=actor_of(maker)) == expected
        assert users.get(user.id).permissions == (sorted(wanted) if expected == "done" else before)

    @pytest.mark.parametrize(
        ("seen", "expected"),
        [(["users.read"], "done"), ([], "ChangedMeanwhile"), (["users.read", "audit.read"], "ChangedMeanwhile")],
    )
    def test_it_is_a_choice_about_what_was_seen(self, seen, expected):
        user = holding("users.read")
        for change in (user_changes.taken_by, user_changes.set_permissions):
            assert outcome(change, user.id, ["audit.read"], by=OPERATOR, seen=seen) == expected
        assert users.get(user.id).permissions == (["audit.read"] if expected == "done" else ["users.read"])

    def test_the_same_choice_sent_again_is_no_change_of_what_was_seen(self):
        user = holding("users.read")
        for _ in range(2):
            changed = user_changes.set_permissions(user.id, ["audit.read"], by=OPERATOR, seen=["users.read"])
        assert (changed.permissions, changed.session_epoch) == (["audit.read"], 1)

    def test_what_it_would_take_is_known_before(self):
        user = holding("audit.read", "users.read")
        taken = user_changes.taken_by(user.id, ["users.read", "requests.review"], by=OPERATOR)
        assert taken == ["audit.read"]
        assert user_changes.taken_by(user.id, ["audit.read", "users.read", "users.manage"], by=OPERATOR) == []
        assert users.get(user.id).permissions == ["audit.read", "users.read"]

    def test_nobody_changes_their_own(self):
        admin = make_admin()
        assert outcome(user_changes.set_permissions, admin.id, ["users.read"], by=actor_of(admin)) == "Forbidden"

    def test_the_last_admin_stays(self):
        admin = make_admin()
        assert outcome(user_changes.set_permissions, admin.id, ["users.read"], by=OPERATOR) == "LastAdmin"
        assert outcome(user_changes.set_permissions, admin.id, ["users.manage"], by=OPERATOR) == "done"
        assert users.get(admin.id).leaving_at is None

    def test_two_admins_who_reduce_each_other_leave_one(self, threads):
        for _ in range(5):
            User.objects.delete()
            one, other = make_admin(), make_admin()
            pairs = [(one, other), (other, one)]
            threads(lambda i: user_changes.set_permissions(pairs[i][0].id, [], by=actor_of(pairs[i][1])), 2)  # noqa: B023
            assert User.objects(permissions="users.manage").count() >= 1

    def test_the_allowlist_stands_above(self, app, monkeypatch):
        user = holding("users.read")
        monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["boss@example.com"])
        assert outcome(user_changes.set_permissions, user.id, ["audit.read"], by=OPERATOR) == "InvalidInput"
        assert outcome(user_changes.set_permissions, user.id, [], by=OPERATOR) == "done"


class TestActivate:
    def test_who_was_shut_out_is_let_in_with_one_event(self):
        user = make_user(roles=["support"])
        user_changes.deactivate(user.id, by=OPERATOR)
        for _ in range(2):
            assert user_changes.activate(user.id, by=OPERATOR).active
        event = AuditEvent.objects(action="user.activate").get()
        assert (event.before, event.after) == ({"active": False}, {"active": True})
        assert users.get(user.id).permissions == ["users.read"]

    @pytest.mark.parametrize(
        ("held", "expected"), [(["users.manage"], "Forbidden"), (["users.manage", "users.read"], "done")]
    )
    def test_it_gives_back_what_the_user_may_so_the_actor_must_hold_it(self, held, expected):
        user = make_user(roles=["support"])
        user_changes.deactivate(user.id, by=OPERATOR)
        assert outcome(user_changes.activate, user.id, by=actor_of(holding(*held))) == expected

    def test_nobody_else_may(self):
        user = make_user()
        user_changes.deactivate(user.id, by=OPERATOR)
        assert outcome(user_changes.activate, user.id, by=actor_of(holding("users.read"))) == "Forbidden"
        assert not users.get(user.id).active


class TestSetPhone:
    @pytest.mark.parametrize("written", ["+79991234567", "7 999 123-45-67", " +7 (999) 123 45 67 ".strip()])
    def test_a_number_is_kept_in_one_spelling_and_counts_as_confirmed(self, written):
        user = user_changes.set_phone(make_user().id, written, by=OPERATOR)
        assert (user.phone, user.phone_confirmed) == ("+79991234567", True)
        assert users.resolve(written).id == user.id

    def test_the_search_follows(self):
        user = user_changes.set_phone(make_user().id, "+79991234567", by=OPERATOR)
        everybody = Filters(user_list.tiers())
        assert [one.id for one in user_list.search("7999123", everybody).users] == [user.id]
        user_changes.set_phone(user.id, "", by=OPERATOR)
        assert not user_list.search("7999123", everybody).users

    def test_the_trail_does_not_repeat_the_number(self):
        user_changes.set_phone(make_user().id, "+79991234567", by=OPERATOR)
        event = AuditEvent.objects(action="user.set_phone").get()
        assert "999" not in str([event.before, event.after, event.reason])

    def test_a_number_that_was_only_said_becomes_confirmed(self):
        user = make_user()
        User.objects(id=user.id).update(phone="+79991234567")
        assert user_changes.set_phone(user.id, "+79991234567", by=OPERATOR).phone_confirmed

    @pytest.mark.parametrize("written", ["12", "x", "+" * 20, "٧٩٩٩١٢٣٤٥٦٧", "9" * 100, "\0", "+7 999\n1234567"])
    def test_what_is_no_number_is_refused(self, written):
        assert outcome(user_changes.set_phone, make_user().id, written, by=OPERATOR) == "InvalidInput"

    def test_of_several_at_once_with_one_number_one_gets_it(self, threads):
        made = [make_user() for _ in range(6)]
        threads(lambda i: user_changes.set_phone(made[i].id, "+79991234567", by=OPERATOR), 6)
        assert User.objects(phone="+79991234567").count() == 1

    def test_only_who_manages_users_may(self):
        assert outcome(user_changes.set_phone, make_user().id, "+79991234567", by=actor_of(make_user())) == "Forbidden"
