"""Making and changing users: what is refused, what is written, and who may."""

from datetime import timedelta
from typing import ClassVar

import pytest
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.actor import SYSTEM, Actor
from app.models.audit_event import AuditEvent
from app.models.domain_error import AlreadyExists, Busy, Forbidden, InvalidInput, LastAdmin, NotFound, UserInactive
from app.models.permission import ROLES, Permission
from app.models.user import User
from app.services import api_keys, host_users, passwords, user_changes, users
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_user


def outcome(function, *args, **kwargs):
    """What a call comes to: the name of the refusal, or "done"."""
    try:
        function(*args, **kwargs)
    except (AlreadyExists, Busy, Forbidden, InvalidInput, LastAdmin, NotFound) as refusal:
        return type(refusal).__name__
    return "done"


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
        said = "Use up to 100 letters, without line breaks or invisible characters."
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


class TestFind:
    def test_a_user_is_found_by_id_or_email(self):
        ann = make_user("ann@example.com")
        assert users.find(str(ann.id)).id == users.find("ANN@example.com ").id == users.get(ann.id).id == ann.id
        assert users.by_email("ann@example.com").id == ann.id

    def test_an_operator_names_a_user_as_programs_do_and_by_what_is_not_confirmed(self):
        ann = register("ann@example.com")
        User.objects(id=ann.id).update(external_id="u-17", phone="+79991234567", phone_confirmed=True)
        for reference in ("ann@example.com", "external:u-17", "+7 999 123-45-67", str(ann.id)):
            assert users.find(reference).id == ann.id

    def test_an_id_has_one_spelling(self):
        user_id = ObjectId("ab" * 12)
        User(id=user_id, email="bob@example.com", tier="free").save()
        for find in (users.get, users.find, users.resolve):
            assert find("ab" * 12).id == user_id
            for other in ("AB" * 12, " " + "ab" * 12, "ab" * 12 + "\n", "\uff41b" * 12, "twelve bytes"):
                with pytest.raises(NotFound):
                    find(other)

    @pytest.mark.parametrize(
        "reference", ["", "x", "ff" * 12, "bob@example.com", "@", "\0", "\ud800@example.com", "x" * 100_000]
    )
    def test_anybody_else_is_not_found(self, reference):
        make_user("ann@example.com")
        with pytest.raises(NotFound):
            users.find(reference)

    def test_pages_run_from_the_newest_to_the_oldest(self):
        made = [make_user().id for _ in range(5)]
        first = users.page(limit=2)
        second = users.page(limit=2, before=first[-1].id)
        third = users.page(limit=2, before=second[-1].id)
        assert [user.id for user in first + second + third] == made[::-1]
        assert users.page(before=made[0]) == []


class TestResolve:
    """How programs name a user."""

    @pytest.fixture
    def ann(self):
        ann = make_user("ann@example.com")
        User.objects(id=ann.id).update(external_id="u-17", phone="+79991234567", phone_confirmed=True)
        return ann

    @pytest.mark.parametrize(
        "reference",
        [
            *("ann@example.com", " ANN@Example.com", "external:u-17"),
            *("+79991234567", "79991234567", "+7 999 123-45-67", "7 (999) 123.45.67"),
        ],
    )
    def test_a_user_is_found_by_what_is_theirs(self, ann, reference):
        make_user()
        assert users.resolve(reference).id == users.resolve(str(ann.id)).id == ann.id
        assert users.resolve_id(reference) == users.resolve_id(str(ann.id)) == ann.id

    def test_a_deactivated_user_is_found_but_not_metered(self, ann):
        User.objects(id=ann.id).update(active=False)
        assert users.resolve("external:u-17").id == ann.id
        with pytest.raises(UserInactive):
            users.resolve_id("external:u-17")

    def test_what_is_not_confirmed_names_nobody(self, ann):
        User.objects(id=ann.id).update(email_confirmed=False, phone_confirmed=False)
        for reference in ("ann@example.com", "+79991234567"):
            with pytest.raises(NotFound):
                users.resolve(reference)
        assert users.resolve("external:u-17").id == ann.id

    @pytest.mark.parametrize(
        "reference",
        [
            *("", " ", "x", "f" * 24, "F" * 24, "$ne", "{'$ne': 1}", "None", "u-17", "\0", "\ud800", "x" * 100_000),
            *("external:", "external:u-18", "External:u-17", "external: u-17", "external:" + "x" * 129, "external:.*"),
            *("bob@example.com", "@", "ann@example.com\0", "+", "9991234567", "+7999123456", "0" * 16, "+1" * 20),
            *("tel:+79991234567", "+7999123456٧"),
        ],
    )
    def test_anybody_else_is_not_found(self, ann, reference):
        for resolve in (users.resolve, users.resolve_id):
            with pytest.raises(NotFound):
                resolve(reference)

    def test_nobody_is_found_by_a_field_that_they_do_not_have(self):
        make_user()
        for reference in ("external:None", "external:null", "+0000000"):
            with pytest.raises(NotFound):
                users.resolve(reference)

    def test_each_way_is_one_look_up(self, ann, statements):
        for reference in (str(ann.id), "external:u-17", "ann@example.com", "79991234567", "$ne"):
            statements.said.clear()
            outcome(users.resolve, reference)
            outcome(users.resolve_id, reference)
            assert len(statements.said) == (0 if reference == "$ne" else 2)


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


def register(email, password=PASSWORD, name="", locale="en"):
    return users.register(email, password=password, name=name, locale=locale, address="192.0.2.1", request_id="r-1")


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
