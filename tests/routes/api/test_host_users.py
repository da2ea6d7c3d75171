"""Making and changing users by the host product's own id."""

import pytest

from app.models.audit_event import AuditEvent
from app.models.user import User
from app.services import token_accounts, user_changes
from tests.factories import OPERATOR, bearer, make_admin, make_user, sign_in
from tests.metering import INSTANT, OBJECT_ID, metering_key

PATH = "/api/users/external:u-17"
ADA = {"name": "Ada", "email": "Ada@Example.com", "phone": "+7 (999) 123-45-67", "locale": "ru", "tier": "pro"}


@pytest.fixture
def key():
    return metering_key()


@pytest.fixture
def put(client, key):
    def call(body=None, path=PATH, **more):
        return client.put(path, json={**(body or {}), **more}, headers=key)

    return call


# --- PUT /users/external:<id> -----------------------------------------------------------------------------------------


def test_a_user_is_made(put):
    response = put(ADA)
    told = response.json
    assert (response.status_code, told) == (
        201,
        {
            "id": told["id"],
            "external_id": "u-17",
            "name": "Ada",
            "email": "ada@example.com",
            "email_confirmed": False,
            "phone": "+79991234567",
            "phone_confirmed": False,
            "locale": "ru",
            "tier": "pro",
            "active": True,
            "created_at": told["created_at"],
        },
    )
    assert OBJECT_ID.fullmatch(told["id"])
    assert INSTANT.fullmatch(told["created_at"])
    user = User.objects.get(id=told["id"])
    assert (user.permissions, user.password_hash, user.external_id) == ([], None, "u-17")
    assert AuditEvent.objects.get(action="user.create", object__id=told["id"]).actor["kind"] == "key"


def test_an_address_is_all_that_a_new_user_needs(put):
    told = put(email="ada@example.com").json
    assert (told["name"], told["phone"], told["locale"], told["tier"]) == ("", None, "en", "free")


@pytest.mark.parametrize("body", [{}, {"name": "Ada"}])
def test_without_an_address_nobody_is_made(put, body):
    response = put(body)
    assert (response.status_code, list(response.json["errors"])) == (400, ["email"])
    assert not User.objects(external_id="u-17")


def test_the_same_again_changes_nothing(put):
    first, events = put(ADA), AuditEvent.objects.count()
    again = put(ADA)
    assert (again.status_code, again.json) == (200, first.json)
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("options", [{"csrf": False}, {"json": {}}], ids=["no body", "an empty one"])
def test_nothing_said_changes_nothing(client, key, put, options):
    first = put(ADA)
    response = client.put(PATH, headers=key, **options)
    assert (response.status_code, response.json) == (200, first.json)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": " Ada L. "}, {"name": "Ada L."}),
        ({"name": ""}, {"name": ""}),
        ({"email": "new@example.com"}, {"email": "new@example.com", "email_confirmed": False}),
        ({"phone": "79997654321"}, {"phone": "+79997654321", "phone_confirmed": False}),
        ({"phone": None}, {"phone": None, "phone_confirmed": False}),
        ({"locale": "en"}, {"locale": "en"}),
        ({"tier": "free"}, {"tier": "free"}),
    ],
    ids=str,
)
def test_a_change_is_made_and_leaves_one_event(put, change, told):
    first = put(ADA).json
    User.objects.update(email_confirmed=True, phone_confirmed=True)
    response = put(change)
    assert response.status_code == 200
    assert response.json == first | {"email_confirmed": True, "phone_confirmed": True} | told
    (event,) = AuditEvent.objects(action="user.update")
    assert (event.actor["kind"], event.object["id"], event.after["changed"]) == ("key", first["id"], list(change))
    assert put(change).status_code == 200
    assert AuditEvent.objects(action="user.update").count() == 1


def test_the_account_follows_the_tier(put):
    user_id = User.objects.get(id=put(ADA).json["id"]).id
    assert token_accounts.view(user_id).limit == 1_000_000
    token_accounts.spend(user_id, 10, by=OPERATOR)
    put(tier="free")
    account = token_accounts.view(user_id)
    assert (account.tier, account.limit, account.used) == ("free", 100_000, 10)


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "name": [7, None, "x" * 101, "two\nlines", "bell\x07", ["Ada"]],
        "email": [7, None, "", "ada", "ada@", "x" * 250 + "@example.com", {"$ne": ""}],
        "phone": [
            7,
            "",
            "123",
            "0",
            "+1",
            "phone",
            "1-800-FLOWERS",
            "+999 999 999 999",
            "9" * 30,
            "+7 999 123 45 67 ext. 5",
        ],
        "locale": [7, None, "", "de", "EN"],
        "tier": [7, None, "", "gold", {"$ne": ""}],
        "permissions": [["users.manage"]],
        "active": [False],
        "external_id": ["u-18"],
        "password": ["correct ponies battery"],
    }.items(),
)
def test_what_is_no_value_is_refused_by_its_field(put, field, values):
    first = put(ADA).json
    for value in values:
        response = put({field: value})
        assert (response.status_code, list(response.json["errors"])) == (400, [field]), value
    assert put({}).json == first


@pytest.mark.parametrize("field", ["email", "phone"])
def test_what_is_somebody_elses_is_refused_by_its_field(put, field):
    put(ADA)
    other = {"email": "other@example.com", "phone": "+1 202 555 0100"} | {field: ADA[field]}
    made = put(other, path="/api/users/external:u-18")
    assert (made.status_code, made.json["code"], list(made.json["errors"])) == (409, "already_exists", [field])
    put({"email": "other@example.com"}, path="/api/users/external:u-18")
    changed = put({field: ADA[field]}, path="/api/users/external:u-18")
    assert (changed.status_code, changed.json["code"], list(changed.json["errors"])) == (409, "already_exists", [field])


def test_an_existing_user_is_not_taken_over_by_address(put):
    user = make_user("ada@example.com")
    response = put(email="ada@example.com")
    assert (response.status_code, list(response.json["errors"])) == (409, ["email"])
    assert User.objects.get(id=user.id).external_id is None


PROTECTED = {"a password": {"password_hash": "x"}, "a permission": {"permissions": ["users.read"]}}


@pytest.mark.parametrize("values", PROTECTED.values(), ids=PROTECTED)
def test_who_a_protected_user_is_stays_as_it_is(put, values):
    put(ADA)
    User.objects.update(**values)
    for change in ({"email": "new@example.com"}, {"phone": None}, {"phone": "+1 202 555 0100", "name": "Eve"}):
        response = put(change)
        assert (response.status_code, response.json["code"]) == (409, "user_protected")
    assert put(ADA).status_code == 200
    assert put(name="Ada L.", locale="en", tier="free").json["name"] == "Ada L."


def test_a_deactivated_user_stays_as_they_are(put):
    user_changes.deactivate(User.objects.get(id=put(ADA).json["id"]).id, by=OPERATOR)
    response = put(name="Ada L.")
    assert (response.status_code, response.json["code"]) == (403, "user_inactive")


def test_nobody_changes_their_own_tier_by_key(client):
    owner = make_admin()
    User.objects(id=owner.id).update(external_id="u-17")
    headers = bearer(owner, "usage.write")
    assert client.put(PATH, json={"tier": "pro"}, headers=headers).json["code"] == "forbidden"
    assert client.put(PATH, json={"name": "Me"}, headers=headers).status_code == 200


@pytest.mark.parametrize("external_id", ["a", "A.b_c:d-9", "x" * 128, "0"])
def test_an_external_id_is_what_the_host_product_uses(put, external_id):
    response = put(email="ada@example.com", path=f"/api/users/external:{external_id}")
    assert (response.status_code, response.json["external_id"]) == (201, external_id)


@pytest.mark.parametrize(
    "external_id", ["x" * 129, "a b", "a@b", "%D9%A3", "%7B%22$ne%22:1%7D", "%ED%A0%80", "9" * 400]
)
def test_what_is_no_external_id_is_not_found(put, external_id):
    response = put(email="ada@example.com", path=f"/api/users/external:{external_id}")
    assert (response.status_code, response.json["code"]) == (404, "not_found")
    assert not User.objects(email="ada@example.com")


@pytest.mark.parametrize("path", ["/api/users/external:", "/api/users/u-17", "/api/users/external:a/b", "/api/users"])
def test_other_addresses_are_none(put, path):
    assert put(ADA, path=path).status_code == 404


def test_fifty_at_once_make_one_user(app, key, threads):
    answers = threads(lambda _: app.test_client().put(PATH, json=ADA, headers=key), 50)
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert AuditEvent.objects(action="user.create", object__id=answers[0].json["id"]).count() == 1


def test_what_was_put_is_what_metering_knows(client, key, put):
    put(ADA)
    response = client.post("/api/usage", json={"user": "external:u-17", "tokens": 700}, headers=key)
    assert (response.status_code, response.json["remaining_tokens"]) == (200, 1_049_300)


# --- who may ----------------------------------------------------------------------------------------------------------


def test_only_a_key_with_the_scope_may(app):
    others = bearer(make_admin(), "self", "users.manage", "users.sign_in")
    assert app.test_client().put(PATH, json=ADA, headers=others).status_code == 403
    assert sign_in(app.test_client(), make_admin()).put(PATH, json=ADA).status_code == 403
    assert app.test_client().put(PATH, json=ADA).status_code == 401
