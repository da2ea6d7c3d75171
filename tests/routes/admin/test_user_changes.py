"""Changing a user on the admins' pages: each change works, and each rule that refuses one is said."""

import re

import pytest

from app import clock
from app.models.audit_event import AuditEvent
from app.models.permission import Permission
from app.models.user import User
from app.services import token_accounts, user_changes, users
from tests.factories import OPERATOR, make_admin, make_user, sign_in
from tests.page_client import text_of

CHANGES = {
    "tier": {"tier": "pro", "reason": "Bought it"},
    "phone": {"phone": "+7 (999) 123-45-67"},
    "permissions": {"permissions": ["users.read", "audit.read"], "seen": "users.read"},
    "roles/reviewer/give": {},
    "roles/support/take": {},
    "deactivate": {},
    "activate": {},
}

# What the page that asks once more sends.
SENT = ("seen", "confirmed", "permissions")


@pytest.fixture
def admin():
    return make_admin("adam@example.com", name="Adam")


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def ann():
    return make_user("ann@example.com", name="Ann", roles=["support"])


def change(client, user, what, **values):
    return client.post(f"/admin/users/{user.id}/{what}", data=values or CHANGES[what])


def test_the_page_shows_what_there_is(client, ann):
    text = text_of(client.get(f"/admin/users/{ann.id}/change"))
    for said in (
        "Change Ann",
        "The new limit counts at once",
        "Reviewer requests.review, users.read Give",
        "Deactivate",
    ):
        assert said in text


DONE = [
    ("tier", lambda user: user.tier == "pro" and token_accounts.view(user.id).limit == 1_000_000, "user.set_tier"),
    ("phone", lambda user: (user.phone, user.phone_confirmed) == ("+79991234567", True), "user.set_phone"),
    ("permissions", lambda user: user.permissions == ["audit.read", "users.read"], "user.set_permissions"),
    ("roles/reviewer/give", lambda user: user.permissions == ["requests.review", "users.read"], "user.grant_role"),
    ("roles/support/take", lambda user: user.permissions == [], "user.revoke_role"),
    ("deactivate", lambda user: not user.active, "user.deactivate"),
]


@pytest.mark.parametrize(("what", "holds", "action"), DONE, ids=[what for what, *_ in DONE])
def test_a_change_is_made_and_audited_and_leads_back(client, ann, what, holds, action):
    for _ in range(2):
        response = change(client, ann, what)
        assert (response.status_code, response.location) == (303, f"/admin/users/{ann.id}/change")
    assert holds(users.get(ann.id))
    event = AuditEvent.objects(action=action).get()
    assert (event.actor["name"], event.object["id"]) == ("Adam", str(ann.id))
    assert "The change to Ann is made." in text_of(client.get(response.location))


def test_a_deactivated_user_can_be_activated_again(client, ann):
    change(client, ann, "deactivate")
    assert "This user cannot sign in." in client.get(f"/admin/users/{ann.id}/change").text
    assert change(client, ann, "activate").status_code == 303
    assert users.get(ann.id).active


def test_an_empty_number_removes_it(client, ann):
    change(client, ann, "phone")
    change(client, ann, "phone", phone="")
    assert (users.get(ann.id).phone, users.get(ann.id).phone_confirmed) == (None, False)


class TestPermissions:
    """The form of single permissions: it says what it showed, and asks before it takes something away."""

    def seen(self, client, user):
        return re.search(r'name="seen" value="([^"]*)"', client.get(f"/admin/users/{user.id}/change").text)[1]

    def test_what_is_taken_away_is_asked_for_first(self, client, ann):
        User.objects(id=ann.id).update(permissions=["audit.read", "users.read"])
        seen = self.seen(client, ann)
        assert seen == "audit.read users.read"
        response = change(client, ann, "permissions", permissions=["users.read", "requests.review"], seen=seen)
        assert response.status_code == 200
        assert re.findall(r"<code[^>]*>([a-z.]+)</code>", response.text) == ["audit.read"]
        assert users.get(ann.id).permissions == ["audit.read", "users.read"]
        asked = {name: re.findall(rf'name="{name}" value="([^"]*)"', response.text) for name in SENT}
        assert change(client, ann, "permissions", **asked).status_code == 303
        assert users.get(ann.id).permissions == ["requests.review", "users.read"]

    def test_without_any_box_ticked_no_permission_is_left(self, client, ann):
        assert "Take permissions away?" in change(client, ann, "permissions", seen="users.read").text
        assert users.get(ann.id).permissions == ["users.read"]
        assert change(client, ann, "permissions", seen="users.read", confirmed="yes").status_code == 303
        assert users.get(ann.id).permissions == []
        assert self.seen(client, ann) == ""
        assert change(client, ann, "permissions", seen="", permissions=["users.read"]).status_code == 303

    @pytest.mark.parametrize("values", [{"nothing": ""}, {"permissions": []}, {"permissions": ["audit.read"]}])
    def test_a_form_that_is_cut_off_changes_nothing(self, client, ann, values):
        for confirmed in ({}, {"confirmed": "yes"}):
            response = change(client, ann, "permissions", **values, **confirmed)
            assert response.status_code == 400
            assert "This form came in incomplete." in text_of(response)
        assert users.get(ann.id).permissions == ["users.read"]

    @pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes"}])
    def test_what_another_admin_has_changed_meanwhile_is_not_undone(self, client, ann, confirmed):
        seen = self.seen(client, ann)
        user_changes.grant_role(ann.id, "reviewer", by=OPERATOR)
        response = change(client, ann, "permissions", permissions=["audit.read"], seen=seen, **confirmed)
        assert response.status_code == 409
        assert "have changed since you opened this page. Held now: requests.review, users.read." in text_of(response)
        assert users.get(ann.id).permissions == ["requests.review", "users.read"]
        # The choice is kept, and counts against what the page shows now.
        ticked = re.findall(r'name="permissions" id="[^"]+" value="([^"]+)"\s+checked', response.text)
        assert ticked == ["audit.read"]
        assert 'name="seen" value="requests.review users.read"' in response.text


REFUSED = [
    ("tier", {"tier": "gold"}, 400, "There is no such tier."),
    ("tier", {"tier": ""}, 400, "Choose a tier."),
    ("tier", {"tier": "pro", "reason": "x" * 501}, 400, "500"),
    ("phone", {"phone": "12"}, 400, "Enter a phone number with its country code"),
    ("phone", {"phone": "x" * 33}, 400, "32"),
    ("phone", {"phone": "+79990000000"}, 409, "A user with this phone number exists already."),
    ("tier", {"tier": "pro", "reason": "bell\x07"}, 400, "Please remove the characters that are not text."),
    ("permissions", {"permissions": ["boss"], "seen": "users.read"}, 400, "There is no such permission."),
    (
        "permissions",
        {"permissions": ["usage.write"], "seen": "users.read"},
        403,
        "You do not have permission to do this.",
    ),
]


@pytest.mark.parametrize(("what", "values", "status", "said"), REFUSED)
def test_a_refused_change_says_why_and_changes_nothing(client, ann, what, values, status, said):
    user_changes.set_phone(make_user().id, "+79990000000", by=OPERATOR)
    before = users.get(ann.id).to_mongo()
    response = change(client, ann, what, **values)
    assert response.status_code == status
    assert said in text_of(response)
    assert users.get(ann.id).to_mongo() == before


@pytest.mark.parametrize("what", [what for what in CHANGES if what != "phone"])
def test_nobody_changes_themselves(client, admin, what):
    make_admin()
    before = users.get(admin.id).to_mongo()
    response = change(client, admin, what)
    assert response.status_code == 403
    assert "This is your own account: somebody else has to make this change." in response.text
    assert users.get(admin.id).to_mongo() == before
    page = client.get(f"/admin/users/{admin.id}/change")
    assert "This is you." in page.text
    assert "/deactivate" not in page.text


@pytest.mark.parametrize("what", ["deactivate", "roles/admin/take", "permissions"])
def test_the_last_admin_stays(client, admin, what):
    bob = make_admin("bob@example.com")
    # At this very moment somebody takes Adam's rights away.
    User.objects(id=admin.id).update(leaving_at=clock.now())
    values = {"permissions": ["users.read"], "seen": " ".join(bob.permissions), "confirmed": "yes"}
    response = change(client, bob, what, **values)
    assert response.status_code == 409
    assert "This is the last user who may manage users." in response.text
    assert users.get(bob.id).has(Permission.USERS_MANAGE)


def test_the_allowlist_is_said(app, client, ann, monkeypatch):
    monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["adam@example.com"])
    for what in ("roles/reviewer/give", "permissions"):
        response = change(client, ann, what)
        assert response.status_code == 400
        assert "ADMIN_EMAILS does not name this address" in response.text


@pytest.mark.parametrize("what", CHANGES)
def test_only_who_manages_users_may(client, ann, what):
    before = users.get(ann.id).to_mongo()
    sign_in(client, make_user(roles=["reviewer"]))
    assert change(client, ann, what).status_code == 403
    assert client.get(f"/admin/users/{ann.id}/change").status_code == 403
    assert users.get(ann.id).to_mongo() == before


@pytest.mark.parametrize("what", [*CHANGES, "roles/boss/give"])
def test_who_or_what_is_not_there_is_not_found(client, ann, what):
    known = ann.id if what == "roles/boss/give" else "f" * 24
    assert client.post(f"/admin/users/{known}/{what}", data={}).status_code == 404


def test_a_permission_that_the_page_does_not_offer_stays(client, ann):
    User.objects(id=ann.id).update(permissions=["usage.write", "users.read"])
    values = {"permissions": ["audit.read"], "seen": "usage.write users.read", "confirmed": "yes"}
    change(client, ann, "permissions", **values)
    assert users.get(ann.id).permissions == ["audit.read", "usage.write"]
