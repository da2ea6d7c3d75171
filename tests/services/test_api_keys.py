"""API keys: who makes which, what is kept of them, and how long and for what they open."""

import hashlib
import re
from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.actor import SYSTEM, Actor
from app.models.api_key import KEY_ONLY, SCOPES, SELF, ApiKey
from app.models.audit_event import AuditEvent
from app.models.domain_error import AlreadyExists, Forbidden, InvalidInput, NotFound, UserInactive
from app.models.permission import Permission
from app.models.user import User
from app.services import api_keys, due, user_changes, users
from tests.bad_texts import BLANK, NOT_TEXT, UNUSABLE, too_long
from tests.effects import outcome
from tests.factories import OPERATOR, actor_of, make_admin, make_user

DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
METER, SIGN_IN = Permission.USAGE_WRITE.value, Permission.USERS_SIGN_IN.value


def make(owner, *scopes, by=None, name="A program", **values):
    """A key that its owner has made, unless somebody else did."""
    return api_keys.create(owner.id, name=name, scopes=scopes or [SELF], by=by or actor_of(owner), **values)


def made(*args, **kwargs):
    """The name of the refusal, or "done"."""
    return outcome(make, *args, **kwargs)


def holding(*permissions):
    """A user who holds exactly these."""
    user = make_user()
    User.objects(id=user.id).update(permissions=list(permissions))
    return users.get(user.id)


class TestCreate:
    def test_the_secret_is_told_once_and_only_its_digest_is_kept(self):
        ann = make_user()
        api_key, secret = make(ann)
        assert re.fullmatch(r"tdk_[A-Za-z0-9_-]{43}", secret)
        assert api_key.digest == hashlib.sha256(secret.encode()).hexdigest()
        assert api_key.prefix == secret[:10]
        assert secret not in str([list(get_db()[name].find()) for name in get_db().list_collection_names()])

    def test_no_two_secrets_are_alike(self):
        ann = make_user()
        assert len({make(ann)[1] for _ in range(50)}) == 50

    def test_a_key_holds_what_it_was_made_with(self):
        ann, by = make_user(), None
        at = clock.now() + DAY
        api_key, _ = make(ann, "self", by=by, name="  The nightly job ", expires_at=at)
        assert (api_key.owner, api_key.name, api_key.scopes) == (ann.id, "The nightly job", ["self"])
        assert (api_key.expires_at, api_key.revoked_at, api_key.last_used_at) == (at, None, None)
        assert api_key.created_by == actor_of(ann).stamp()
        assert api_key.state == "active"

    def test_it_leaves_one_audit_event_without_the_secret_and_nothing_due(self):
        ann = make_user()
        api_key, secret = make(ann)
        event = AuditEvent.objects.get(action="key.create")
        assert event.actor == actor_of(ann).stamp()
        assert event.object == {"kind": "api_key", "id": str(api_key.id), "owner": str(ann.id)}
        assert event.after == {"name": "A program", "scopes": ["self"], "expires_at": None}
        assert secret[10:] not in str(event.to_mongo())
        assert api_key.due == []

    def test_scopes_are_kept_once_each_in_one_order(self):
        admin = make_admin()
        api_key, _ = make(admin, "users.read", "self", "requests.review", "self")
        assert api_key.scopes == ["self", "requests.review", "users.read"]

    @pytest.mark.parametrize("name", [*NOT_TEXT, *BLANK, *UNUSABLE, *too_long(100), "two\nlines", "a\ttab", "a\u2028b"])
    def test_a_name_that_is_none_is_refused_and_nothing_is_made(self, name):
        with pytest.raises(InvalidInput) as refused:
            make(make_user(), name=name)
        assert list(refused.value.errors) == ["name"]
        assert ApiKey.objects.count() == 0

    @pytest.mark.parametrize("scopes", [[], ["everything"], ["self", "users.write"], [""], ["SELF"], ["self "]])
    def test_scopes_that_there_are_not_are_refused(self, scopes):
        ann = make_user()
        with pytest.raises(InvalidInput) as refused:
            api_keys.create(ann.id, name="A program", scopes=scopes, by=OPERATOR)
        assert list(refused.value.errors) == ["scopes"]
        assert ApiKey.objects.count() == 0

    @pytest.mark.parametrize("before", [timedelta(0), MILLISECOND, 400 * DAY])
    def test_an_end_that_is_not_in_the_future_is_refused(self, before):
        with time_machine.travel(clock.now(), tick=False), pytest.raises(InvalidInput) as refused:
            make(make_user(), expires_at=clock.now() - before)
        assert list(refused.value.errors) == ["expires_at"]

    def test_an_idempotency_key_makes_one_key_for_each_owner(self):
        ann, bob = make_user(), make_user()
        first, _ = make(ann, idempotency_key="form-1")
        with pytest.raises(AlreadyExists, match="This form has made a key already"):
            make(ann, idempotency_key="form-1", name="Another name")
        make(bob, idempotency_key="form-1")
        assert [one.id for one in api_keys.page(owner=ann.id)] == [first.id]
        assert AuditEvent.objects(action="key.create").count() == 2

    def test_of_twenty_at_once_with_one_idempotency_key_one_makes_a_key(self, threads):
        ann = make_user()
        outcomes = threads(lambda _: made(ann, idempotency_key="form-1"), 20)
        assert sorted(outcomes) == ["AlreadyExists"] * 19 + ["done"]
        assert ApiKey.objects.count() == 1


class TestWhoMay:
    def test_who_has_not_confirmed_their_address_makes_none_where_they_can_confirm_it(self, app, monkeypatch):
        ann = make_user()
        User.objects(id=ann.id).update(email_confirmed=False)
        assert made(ann) == "done"
        monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
        assert [made(ann), made(ann, by=OPERATOR)] == ["Forbidden", "done"]

    @pytest.mark.parametrize("scope", sorted({*SCOPES} - {SELF, *KEY_ONLY}))
    def test_a_permission_needs_an_owner_who_holds_it(self, scope):
        assert made(holding(scope), scope) == "done"
        others = [permission for permission in Permission if permission != scope]
        assert made(holding(*others), scope) == "Forbidden"
        assert made(make_user(), scope, by=OPERATOR) == "Forbidden"

    @pytest.mark.parametrize("scope", [METER, SIGN_IN])
    def test_what_only_keys_may_is_given_by_who_manages_users(self, scope):
        assert made(holding("users.manage"), scope) == "done"
        assert made(make_admin(), scope) == "done"
        assert made(make_user(), scope) == "Forbidden"
        assert made(holding("users.read", "settings.manage"), scope) == "Forbidden"
        assert made(holding(scope), scope) == "Forbidden"
        assert made(make_user(), scope, by=OPERATOR) == "done"

    def test_everybody_may_act_as_themselves(self):
        assert made(make_user(), "self") == "done"

    @pytest.mark.parametrize("roles", [[], ["support"], ["reviewer"], ["admin"]])
    def test_what_is_offered_is_what_can_be_made(self, roles):
        user = make_user(roles=roles)
        offered = api_keys.offered(user)
        assert offered == [scope for scope in SCOPES if made(user, scope) == "done"]
        assert (METER in offered) == (roles == ["admin"])

    def test_nobody_makes_keys_for_others_but_operators(self):
        ann = make_user()
        assert made(ann, by=actor_of(make_admin())) == "Forbidden"
        assert made(ann, by=SYSTEM) == "Forbidden"
        assert made(ann, by=OPERATOR) == "done"

    def test_a_key_makes_no_keys(self):
        admin = make_admin()
        api_key, _ = make(admin, *api_keys.offered(admin))
        by = Actor("key", str(api_key.id), api_key.name, on_behalf_of=str(admin.id))
        assert made(admin, by=by) == "Forbidden"
        assert made(admin, by=Actor("key", str(admin.id), "A key")) == "Forbidden"

    def test_who_lost_a_permission_just_now_does_not_pass_it_on(self):
        admin, stale = make_admin(), make_admin()
        user_changes.revoke_role(stale.id, "admin", by=actor_of(admin))
        assert made(stale, "users.read") == "Forbidden"
        assert made(stale, METER) == "Forbidden"

    def test_the_allowlist_stands_above_permissions(self, app, monkeypatch):
        admin, boss = make_admin(), make_admin("boss@example.com")
        monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["boss@example.com"])
        admin.may_hold_permissions = False
        assert api_keys.offered(admin) == ["self"]
        assert [made(admin, scope) for scope in ("self", "users.read", METER)] == ["done", "Forbidden", "Forbidden"]
        assert made(admin, METER, by=OPERATOR) == "Forbidden"
        assert [made(boss, scope) for scope in ("self", "users.read", METER)] == ["done", "done", "done"]

    def test_a_deactivated_owner_and_nobody_get_none(self):
        ann = make_user()
        user_changes.deactivate(ann.id, by=OPERATOR)
        with pytest.raises(UserInactive):
            make(ann, by=OPERATOR)
        assert outcome(api_keys.create, ObjectId(), name="x", scopes=["self"], by=OPERATOR) == "NotFound"
        assert ApiKey.objects.count() == 0


class TestFind:
    def test_a_live_key_is_found_with_its_owner_ready_to_act(self):
        admin = make_admin()
        api_key, secret = make(admin, "self", "users.read")
        found, owner = api_keys.find(secret)
        assert (found.id, owner.id) == (api_key.id, admin.id)
        assert [scope for scope in SCOPES if found.allows(scope)] == ["self", "users.read"]
        # Whoever asks the owner hears what the key may, not what its owner may.
        assert [permission for permission in Permission if owner.has(permission)] == ["users.read"]

    @pytest.mark.parametrize(
        "secret",
        [
            "",
            "tdk_",
            "tdk_" + "x" * 43,
            "x" * 47,
            "tdk_" + "x" * 44,
            "tdk_\xff" + "x" * 42,
            "$ne",
            "tdk_" + "a" * 10**6,
        ],
    )
    def test_any_other_secret_opens_nothing(self, secret):
        make(make_user())
        assert api_keys.find(secret) is None

    def test_what_is_kept_of_a_secret_opens_nothing(self):
        api_key, secret = make(make_user())
        for kept in (api_key.digest, api_key.prefix, str(api_key.id), secret[:-1], secret + "\n", secret.lower()):
            assert api_keys.find(kept) is None

    def test_a_key_opens_until_the_moment_of_its_end(self):
        with time_machine.travel(clock.now(), tick=False) as clock_hand:
            api_key, secret = make(make_user(), expires_at=clock.now() + DAY)
            clock_hand.shift(DAY - MILLISECOND)
            assert (api_keys.find(secret) is not None, api_keys.get(api_key.id).state) == (True, "active")
            clock_hand.shift(MILLISECOND)
            assert (api_keys.find(secret), api_keys.get(api_key.id).state) == (None, "expired")

    def test_a_key_without_an_end_opens_for_ever(self):
        _, secret = make(make_user())
        with time_machine.travel(clock.now() + 10_000 * DAY):
            assert api_keys.find(secret)

    def test_a_deactivated_owner_is_told_so_and_one_who_is_gone_is_none(self):
        ann, bob = make_user(), make_user()
        (_, secret), (_, other) = make(ann), make(bob)
        user_changes.deactivate(ann.id, by=OPERATOR)
        get_db().users.delete_one({"_id": bob.id})
        with pytest.raises(UserInactive):
            api_keys.find(secret)
        assert api_keys.find(other) is None

    def test_what_the_owner_loses_the_key_loses_at_its_next_use(self, app, monkeypatch):
        make_admin("boss@example.com")
        admin = make_admin()
        _, secret = make(admin, "self", "users.read", "requests.review", METER)

        def usable():
            return sorted(api_keys.find(secret)[0].usable)

        assert usable() == ["requests.review", "self", METER, "users.read"]
        user_changes.revoke_role(admin.id, "reviewer", by=OPERATOR)
        assert usable() == ["self", METER]
        user_changes.grant_role(admin.id, "support", by=OPERATOR)
        assert usable() == ["self", METER, "users.read"]
        monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["boss@example.com"])
        assert usable() == ["self"]

    def test_a_key_that_was_not_loaded_to_act_allows_nothing(self):
        api_key, _ = make(make_user())
        assert not api_key.allows("self")
        assert not api_keys.get(api_key.id).allows("self")

    def test_the_use_is_noted_at_most_once_a_minute(self, statements):
        with time_machine.travel(clock.now(), tick=False) as clock_hand:
            api_key, secret = make(make_user())
            first = clock.now()
            for seconds, noted in ((0, first), (30, first), (29, first), (1, first + timedelta(seconds=60))):
                clock_hand.shift(timedelta(seconds=seconds))
                statements.said.clear()
                api_keys.find(secret)
                writes = [said for said in statements.said if not said.startswith("aggregate")]
                assert api_keys.get(api_key.id).last_used_at == noted
                assert len(writes) == (1 if clock.now() == noted else 0)

    def test_a_key_costs_one_read(self, statements):
        _, secret = make(make_user())
        api_keys.find(secret)
        statements.said.clear()
        api_keys.find(secret)
        assert statements.said == ["aggregate api_keys"]
        statements.said.clear()
        api_keys.find("tdk_" + "x" * 43)
        assert statements.said == ["aggregate api_keys"]
        statements.said.clear()
        api_keys.find("tdk_nonsense")
        assert statements.said == []

    def test_many_uses_at_once_are_all_answered(self, threads):
        api_key, secret = make(make_user())
        outcomes = threads(lambda _: api_keys.find(secret)[0].id, 20)
        assert outcomes == [api_key.id] * 20


class TestRevoke:
    def test_it_ends_the_key_at_once_with_one_event(self):
        ann = make_user()
        api_key, secret = make(ann)
        revoked = api_keys.revoke(api_key.id, by=actor_of(ann))
        assert (revoked.state, revoked.due) == ("revoked", [])
        assert api_keys.find(secret) is None
        event = AuditEvent.objects.get(action="key.revoke")
        assert event.object["id"] == str(api_key.id)
        assert event.before == {"name": "A program", "scopes": ["self"], "expires_at": None}

    def test_twice_is_once(self, threads):
        ann = make_user()
        api_key, _ = make(ann)
        revoked = threads(lambda _: api_keys.revoke(api_key.id, by=actor_of(ann)).revoked_at, 8)
        assert len(set(revoked)) == 1
        with time_machine.travel(clock.now() + DAY):
            assert api_keys.revoke(api_key.id, by=OPERATOR).revoked_at == revoked[0]
        assert AuditEvent.objects(action="key.revoke").count() == 1

    def test_an_expired_key_can_be_revoked(self):
        api_key, _ = make(make_user(), expires_at=clock.now() + DAY)
        with time_machine.travel(clock.now() + 2 * DAY):
            assert api_keys.revoke(api_key.id, by=OPERATOR).state == "revoked"

    def test_only_the_owner_and_who_manages_users_revoke(self):
        api_key, _ = make(make_user())
        assert outcome(api_keys.revoke, api_key.id, by=actor_of(make_user())) == "Forbidden"
        assert outcome(api_keys.revoke, api_key.id, by=actor_of(make_user(roles=["reviewer"]))) == "Forbidden"
        assert api_keys.get(api_key.id).state == "active"
        assert outcome(api_keys.revoke, api_key.id, by=actor_of(make_admin())) == "done"
        assert outcome(api_keys.revoke, ObjectId(), by=OPERATOR) == "NotFound"

    def test_wherever_the_process_dies_a_revoked_key_has_its_event(self, statements):
        ann, at, died = make_user(), 0, True
        while died:
            at += 1
            api_key, _ = make(ann)
            with statements.dying(at, after=True) as fate:
                api_keys.revoke(api_key.id, by=actor_of(ann))
            died = fate.happened
        assert at > 4
        with time_machine.travel(clock.now() + due.GRACE):
            due.perform_waiting()
        revoked = [str(one.id) for one in ApiKey.objects if one.state == "revoked"]
        assert len(revoked) >= at - 2
        assert sorted(event.object["id"] for event in AuditEvent.objects(action="key.revoke")) == sorted(revoked)
        assert all(one.due == [] for one in ApiKey.objects)


class TestLists:
    def test_a_users_own_keys_run_from_the_newest_to_the_oldest(self):
        ann = make_user()
        mine = [make(ann)[0].id for _ in range(5)]
        theirs = make(make_user())[0].id
        first = api_keys.page(owner=ann.id, limit=2)
        rest = api_keys.page(owner=ann.id, before=first[-1].id)
        assert [one.id for one in [*first, *rest]] == mine[::-1]
        assert [one.id for one in api_keys.page(limit=1)] == [theirs]

    @pytest.mark.parametrize(
        "key_id", ["", "x", "$ne", "f" * 24, "abcdefghijkl", "\0", "\ud800", "1" * 25, "x" * 100_000]
    )
    def test_what_is_no_key_of_the_users_is_not_found(self, key_id):
        ann = make_user()
        api_key, _ = make(ann)
        assert api_keys.own(ann.id, str(api_key.id)).id == api_key.id
        for user_id, reference in ((ann.id, key_id), (make_user().id, str(api_key.id))):
            with pytest.raises(NotFound):
                api_keys.own(user_id, reference)


def test_refusals_say_why():
    ann = make_user()
    for scope, text in ((METER, "Only who manages users may put usage.write"), ("users.read", "may not: users.read")):
        with pytest.raises(Forbidden, match=text):
            make(ann, scope)
