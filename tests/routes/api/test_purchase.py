"""`/api/user/tokens` and `/api/tokens/purchase`, as the contract says."""

from urllib.parse import quote

import pytest

from app.models.audit_event import AuditEvent
from app.models.order import Order
from app.services import order_steps, orders, token_accounts, user_changes
from tests.factories import OPERATOR, bearer, make_admin, make_user, sign_in

PHONE = "79991234567"
SENT = {"phone": PHONE, "package": "basic", "tokens": 50_000, "amount": 149}


@pytest.fixture
def ada():
    ada = make_user("ada@example.com", name="Ada")
    user_changes.set_phone(ada.id, "+7 999 123-45-67", by=OPERATOR)
    token_accounts.spend(ada.id, 100_150, by=OPERATOR)
    return ada


@pytest.fixture
def own(ada):
    return bearer(ada, "self")


@pytest.fixture
def meter():
    return bearer(make_user(), "usage.write")


def purchase(client, headers, **body):
    return client.post("/api/tokens/purchase", json=SENT | body, headers=headers)


# --- the contract -----------------------------------------------------------------------------------------------------


def test_the_balance_by_phone_is_as_the_contract_says(client, own):
    response = client.get(f"/api/user/tokens/{PHONE}", headers=own)
    assert (response.status_code, response.json) == (200, {"tokens": 49_850, "phone": PHONE})


def test_a_purchase_is_answered_as_the_contract_says(client, own):
    response = purchase(client, own)
    order = Order.objects.get()
    assert response.status_code == 201
    assert response.json == {
        "new_balance": 49_850,
        "order": {
            "id": str(order.id),
            "number": 1,
            "package": "basic",
            "tokens": 50_000,
            "amount": 149,
            "currency": "RUB",
            "status": "created",
            "checkout_url": None,
        },
    }


# --- whose ------------------------------------------------------------------------------------------------------------


def test_digits_compare_whatever_stands_between_them(client, own):
    for written in (
        PHONE,
        "+79991234567",
        "%2B7%20(999)%20123-45-67",
        "7.999.123.45.67",
        "7-999-123-45-67",
        "7%2F999/123,45;67",
        quote("7\u00a0999\u00a0123\u201145\u201367"),
        quote("\u202a+7 [999] *123*~45'67\u202c"),
    ):
        assert client.get(f"/api/user/tokens/{written}", headers=own).json == {"tokens": 49_850, "phone": PHONE}, (
            written
        )


def test_who_may_ask_for_whose_balance(app, client, ada):
    support = make_user(roles=["support"])
    for headers, status in [
        (bearer(support, "users.read"), 200),
        (bearer(support, "self"), 404),
        (bearer(make_user(), "self"), 404),
        (bearer(make_user(), "usage.write"), 403),
        ({}, 401),
    ]:
        assert client.get(f"/api/user/tokens/{PHONE}", headers=headers).status_code == status, headers
    assert sign_in(app.test_client(), support).get(f"/api/user/tokens/{PHONE}").status_code == 200
    assert sign_in(app.test_client(), make_user()).get(f"/api/user/tokens/{PHONE}").status_code == 404


def test_what_is_nobodys_number_is_not_found(client, ada):
    headers = bearer(make_admin(), "users.read")
    for written in (
        "79991234568",
        "0",
        "abc",
        "7999123456a",
        "%00",
        "9" * 41,
        "%D9%A7",
        quote("\uff17\uff19\uff19\uff1912345\u0666\u0667"),
        "7999123456%C2%B2",
        "79991234567%0A",
        "/",
        "$ne",
        "..%2F",
        "ada@example.com",
    ):
        assert client.get(f"/api/user/tokens/{written}", headers=headers).status_code == 404, written


def test_a_number_that_nobody_confirmed_names_nobody_but_its_owner(client, own, ada):
    ada.modify(phone_confirmed=False)
    assert client.get(f"/api/user/tokens/{PHONE}", headers=own).status_code == 200
    headers = bearer(make_admin(), "users.read")
    assert client.get(f"/api/user/tokens/{PHONE}", headers=headers).status_code == 404


def test_a_metering_key_orders_for_whom_it_names(client, ada, meter):
    assert purchase(client, meter).status_code == 201
    assert Order.objects.get().user == ada.id
    assert [one.action for one in AuditEvent.objects(object__kind="order")] == ["order.create"]


def test_whose_order_it_is_must_be_right(client, ada, meter):
    stranger = bearer(make_user(), "self")
    assert purchase(client, stranger).status_code == 404
    assert purchase(client, meter, phone="79990000000").status_code == 404
    nobody = client.post("/api/tokens/purchase", json={"package": "basic"}, headers=meter)
    assert (nobody.status_code, list(nobody.json["errors"])) == (400, ["phone"])
    assert client.post("/api/tokens/purchase", json={"package": "basic"}, headers=stranger).status_code == 201
    user_changes.deactivate(ada.id, by=OPERATOR)
    assert purchase(client, meter).json["code"] == "user_inactive"


# --- what -------------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_by_field_and_nothing_is_ordered(client, own):
    for body, fields in [
        ({"package": "golden"}, ["package"]),
        ({"package": None}, ["package"]),
        ({"package": {"$ne": None}}, ["package"]),
        ({"tokens": 49_999}, ["tokens"]),
        ({"tokens": "50000"}, ["tokens"]),
        ({"amount": 1}, ["amount"]),
        ({"amount": 149.5}, ["amount"]),
        ({"amount": True}, ["amount"]),
        ({"tokens": 1, "amount": 1}, ["tokens", "amount"]),
        ({"price": 149}, ["price"]),
        ({"phone": 79991234567}, ["phone"]),
    ]:
        response = purchase(client, own, **body)
        assert (response.status_code, list(response.json["errors"])) == (400, fields), body
    assert client.post("/api/tokens/purchase", json={}, headers=own).status_code == 400
    assert Order.objects.count() == 0


def test_the_same_key_is_one_order_and_other_content_is_refused(client, own):
    headers = own | {"Idempotency-Key": "buy-1"}
    first, again = purchase(client, headers), purchase(client, headers)
    assert (again.status_code, again.json, again.headers["Idempotent-Replay"]) == (201, first.json, "true")
    assert "Idempotent-Replay" not in first.headers
    other = purchase(client, headers, package="extended", tokens=None, amount=None)
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")
    assert Order.objects.count() == 1


def test_nothing_is_credited_before_the_payment(client, ada, own):
    number = purchase(client, own).json["order"]["number"]
    assert token_accounts.view(ada.id).available == 49_850
    order_steps.confirm(orders.by_number(number), by=OPERATOR)
    assert client.get(f"/api/user/tokens/{PHONE}", headers=own).json["tokens"] == 99_850


def test_who_has_twenty_orders_to_pay_makes_no_more(client, own):
    for _ in range(orders.MOST_OPEN):
        assert purchase(client, own).status_code == 201
    response = purchase(client, own)
    assert (response.status_code, response.json["code"]) == (409, "too_many_orders")


# --- at Stripe --------------------------------------------------------------------------------------------------------


def test_an_order_at_stripe_says_where_it_is_paid(client, own, stripe):
    order = purchase(client, own).json["order"]
    [page] = stripe.pages.values()
    assert order["checkout_url"] == page["url"]


def test_a_repeat_after_stripe_was_away_is_the_same_order(client, own, stripe):
    headers = own | {"Idempotency-Key": "buy-1"}
    stripe.trouble = (500, "api_error")
    away = purchase(client, headers)
    assert (away.status_code, away.json["code"], away.headers["Retry-After"]) == (503, "payment_unavailable", "5")
    assert purchase(client, headers).json["order"]["checkout_url"] in {one["url"] for one in stripe.pages.values()}
    assert Order.objects.count() == 1
