"""Making users: what is refused, what is written, and who may."""

from typing import ClassVar

import pytest
from bson import ObjectId

from app.models.actor import SYSTEM, Actor
from app.models.audit_event import AuditEvent
from app.models.domain_error import AlreadyExists, InvalidInput
from app.models.permission import ROLES
from app.models.user import User
from app.services import host_users, passwords, user_changes, users
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_user
from tests.registering import outcome, register


class TestCreate:
    def test_a_new_user_is_active_without_permissions_in_the_default_tier(self):
        user = users.create("  Ann.Smith@EXAMPLE.com ", password=PASSWORD, name=" Ann Smith ", by=OPERATOR)
        assert (user.email, user.name, user.tier, user.locale, user.time_zone) == (
            "ann.smith@example.com",
            "Ann Smith",
            "free",
            "en",
            "UTC",
        )
        assert user.active
        assert user.email_confirmed
        assert not user.has_any_permission
        assert passwords.matches(user.password_hash, PASSWORD)

    def test_a_role_gives_its_permissions(self):
        user = make_user(roles=["reviewer", "support"], tier="pro")
        assert user.tier == "pro"
        assert set(user.permissions) == {"requests.review", "users.read"}

    def test_it_leaves_one_audit_event_and_nothing_due(self):
        user = make_user(roles=["support"])
        event = AuditEvent.objects.get()
        assert (event.action, event.object, event.actor["kind"]) == (
            "user.create",
            {"kind": "user", "id": str(user.id)},
            "cli",
        )
        assert event.after == {"tier": "free", "permissions": ["users.read"]}
        assert user.due == []

    @pytest.mark.parametrize(
        "email",
        [
            "",
            " ",
            "ann",
            "ann@",
            "@example.com",
            "ann@localhost",
            "a b@example.com",
            "ann@example.com\0",
            "ann@example.com\nbcc: x@example.com",
            "x" * 250 + "@example.com",
            "x" * 100_000,
            "\ud800@example.com",
        ],
    )
    def test_what_is_no_email_is_refused(self, email):
        with pytest.raises(InvalidInput) as refused:
            users.create(email, password=None, by=OPERATOR)
        assert list(refused.value.errors) == ["email"]

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"password": "short"}, "password"),
            ({"password": "password123"}, "password"),
            ({"password": "ann@example.com"}, "password"),
            ({"password": None, "tier": "gold"}, "tier"),
            ({"password": None, "name": "x" * 101}, "name"),
            ({"password": None, "name": "two\nlines"}, "name"),
            ({"password": None, "name": "nul\0"}, "name"),
            ({"password": None, "name": "\ud800"}, "name"),
        ],
    )
    def test_bad_input_is_refused_by_its_field_and_nothing_is_stored(self, values, field):
        with pytest.raises(InvalidInput) as refused:
            users.create("ann@example.com", by=OPERATOR, **values)
        assert list(refused.value.errors) == [field]
        assert User.objects.count() == AuditEvent.objects.count() == 0

    def test_an_unknown_role_is_refused_with_those_there_are(self):
        with pytest.raises(InvalidInput, match="There is no role 'boss'; there are admin, reviewer, support"):
            make_user(roles=["support", "boss"])

    @pytest.mark.parametrize("email", ["ann@example.com", "ANN@Example.com"])
    def test_an_email_has_one_user(self, email):
        make_user("ann@example.com")
        with pytest.raises(AlreadyExists) as refused:
            make_user(email)
        assert refused.value.errors == {"email": ["A user with this e-mail address exists already."]}

    def test_of_several_at_once_with_one_email_one_is_made(self, threads):
        outcomes = threads(lambda _: outcome(users.create, "ann@example.com", password=None, by=OPERATOR), 8)
        assert sorted(outcomes) == ["AlreadyExists"] * 7 + ["done"]
        assert User.objects.count() == AuditEvent.objects.count() == 1

    def test_users_without_a_phone_do_not_stand_in_each_others_way(self):
        make_user()
        make_user()
        assert User.objects(phone=None).count() == 2


NAMES = {
    "": "",
    "  ": "",
    " Ann Smith ": "Ann Smith",
    "Анна-Мария О’Коннор": "Анна-Мария О’Коннор",
    "Ann\u00a0Smith": "Ann\u00a0Smith",
    "می\u200cخواهم": "می\u200cخواهم",
    "x" * 100: "x" * 100,
}
NO_NAMES = [
    *("x" * 101, "two\nlines", "a\ttab", "nul\0", "bell\x07", "\ud800", "a\u2028b"),
    # The direction of the text, and what takes no room.
    *("Ann\u202etxt.exe", "\u2066Ann", "A\u200bnn", "\ufeffAnn", "\u200d", "\u200b"),
]


class TestName:
    """One rule, whichever way a name comes in."""

    WAYS: ClassVar = {
        "an operator": lambda name: make_user("ann@example.com", name=name),
        "themselves": lambda name: register("ann@example.com", name=name),
        "the host product": lambda name: put(email="ann@example.com", name=name),
        "a change by the host product": lambda name: put(email="ann@example.com") and put(name=name),
    }

    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
    @pytest.mark.parametrize(("name", "kept"), NAMES.items())
    def test_a_name_is_kept_trimmed(self, way, name, kept):
        assert users.get(way(name).id).name == kept

    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
    @pytest.mark.parametrize("name", NO_NAMES)
    def test_what_is_no_line_of_letters_is_refused(self, way, name):
        with pytest.raises(InvalidInput) as refused:
            way(name)
        said = "Use up to 100 characters, without line breaks or invisible ones."
        assert refused.value.errors == {"name": [said]}
        assert User.objects(name__ne="").count() == 0


def put(**values):
    return host_users.put("u-17", values, by=OPERATOR)[0]


class TestWhoMay:
    @pytest.mark.parametrize(
        ("held", "roles", "expected"),
        [
            ([], [], "Forbidden"),
            (["users.read"], [], "Forbidden"),
            (["users.manage"], [], "done"),
            (["users.manage"], ["support"], "Forbidden"),
            (["users.manage", "users.read"], ["support"], "done"),
            (["users.manage", "users.read"], ["reviewer"], "Forbidden"),
            (sorted(ROLES["admin"]), ["admin"], "done"),
        ],
    )
    def test_nobody_makes_a_user_who_may_more_than_themselves(self, held, roles, expected):
        maker = make_user()
        User.objects(id=maker.id).update(permissions=held)
        assert outcome(make_user, roles=roles, by=actor_of(maker)) == expected

    @pytest.mark.parametrize("by", [SYSTEM, OPERATOR], ids=["system", "cli"])
    def test_the_command_line_and_the_system_may_all(self, by):
        assert outcome(make_user, roles=["admin"], by=by) == "done"

    def test_a_deactivated_or_unknown_admin_may_nothing(self):
        make_admin()
        gone = make_admin()
        user_changes.deactivate(gone.id, by=OPERATOR)
        assert outcome(make_user, by=actor_of(gone)) == "Forbidden"
        assert outcome(make_user, by=Actor("user", str(ObjectId()), "Nobody")) == "Forbidden"
        assert outcome(make_user, by=Actor("key", str(make_admin().id), "A key")) == "Forbidden"

    def test_nobody_changes_their_own_permissions(self):
        make_admin()
        admin = make_admin()
        by = actor_of(admin)
        assert outcome(user_changes.grant_role, admin.id, "support", by=by) == "Forbidden"
        assert outcome(user_changes.revoke_role, admin.id, "admin", by=by) == "Forbidden"
        assert outcome(user_changes.deactivate, admin.id, by=by) == "Forbidden"

    def test_nobody_sets_the_password_of_somebody_who_may_more(self):
        admin, manager, plain = make_admin(), make_user(), make_user()
        User.objects(id=manager.id).update(permissions=["users.manage"])
        assert outcome(user_changes.set_password, admin.id, PASSWORD, by=actor_of(manager)) == "Forbidden"
        assert outcome(user_changes.set_password, plain.id, PASSWORD, by=actor_of(manager)) == "done"
        assert outcome(user_changes.set_password, plain.id, PASSWORD, by=actor_of(plain)) == "done"
        assert outcome(user_changes.set_password, manager.id, PASSWORD, by=actor_of(plain)) == "Forbidden"

    def test_the_allowlist_stands_above_roles(self, app, monkeypatch):
        other = make_admin("other@example.com")
        monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["boss@example.com"])
        assert outcome(make_admin, "boss@example.com") == "done"
        assert outcome(make_admin, "third@example.com") == "InvalidInput"
        assert outcome(user_changes.grant_role, make_user().id, "support", by=OPERATOR) == "InvalidInput"
        assert outcome(make_user, by=actor_of(other)) == "Forbidden"
