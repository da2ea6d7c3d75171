"""The orders of everybody, for whoever manages billing."""

import re

import pytest

from app import pagination
from app.models.order import Order, Status
from app.services import due, order_list, order_steps, orders, token_accounts
from tests.buying import make_order
from tests.factories import OPERATOR, make_admin, make_user, sign_in
from tests.page_client import text_of


@pytest.fixture
def bob():
    return make_admin("bob@example.com", name="Bob")


@pytest.fixture
def client(client, bob):
    return sign_in(client, bob)


@pytest.fixture
def ada():
    return make_user("ada@example.com", name="Ada Lovelace")


def numbers(response):
    return [int(one) for one in re.findall(r'row-link" href="/admin/orders/(\d+)"', response.text)]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_will_stand_there(client):
    assert "No orders yet" in client.get("/admin/orders").text


def test_the_list_shows_all_newest_first_and_each_status_alone(client, ada):
    for status in Status:
        make_order(ada, status=status)
    page = client.get("/admin/orders")
    assert numbers(page) == [4, 3, 2, 1]
    assert "1 order is not paid yet." in text_of(page)
    for number, status in enumerate(Status, start=1):
        assert numbers(client.get(f"/admin/orders?status={status}")) == [number]
    assert client.get("/admin/orders?status=nothing").status_code == 400


def test_a_search_finds_numbers_and_people_with_the_status(client, ada):
    make_order(ada, status=Status.PAID)
    make_order(ada)
    make_order(make_user("carl@example.com", name="Carl"))
    for sought, found in {
        "%232": [2],
        "2": [2],
        "ada@example.com": [2, 1],
        "lovel": [2, 1],
        f"{ada.id}": [2, 1],
        "ada@example.com&status=paid": [1],
        "%231&status=created": [],
        "nobody": [],
        "99": [],
        "$ne": [],
        ".*": [],
    }.items():
        assert numbers(client.get(f"/admin/orders?q={sought}")) == found, sought


def test_the_list_has_pages_that_keep_the_filter(client, ada, monkeypatch):
    monkeypatch.setattr(pagination, "SIZE", 2)
    for _ in range(3):
        make_order(ada)
    page = client.get("/admin/orders?status=created&q=ada")
    address = re.search(r'rel="next" href="([^"]+)"', page.text)[1].replace("&amp;", "&")
    assert numbers(client.get(address)) == [1]


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (order_list.Filters(), order_list.BY_NUMBER),
        (order_list.Filters(Status.CREATED), order_list.BY_STATUS),
        (order_list.Filters(number=3), order_list.BY_NUMBER),
        (order_list.Filters(users=["ada"]), order_list.BY_USER),
        (order_list.Filters(Status.PAID, users=["ada"]), order_list.BY_USER),
    ],
)
def test_an_index_serves_every_list(ada, filters, index):
    for _ in range(3):
        make_order(ada, status=Status.PAID)
        make_order()
    chosen = order_list.Filters(filters.status, filters.number, [ada.id] if filters.users else None)
    query, served_by = order_list._query(chosen)
    plan = Order._get_collection().find(query).sort("number", -1).hint(served_by).limit(2).explain()
    stages = str(plan["queryPlanner"]["winningPlan"])
    assert served_by == index
    assert "'SORT'" not in stages
    assert "COLLSCAN" not in stages
    assert plan["executionStats"]["totalDocsExamined"] <= 3


def test_the_list_tells_of_what_could_not_be_done(client, ada):
    order = make_order(ada, status=Status.PAID)
    Order._get_collection().update_one(
        {"_id": order.id},
        {"$push": {"due": {"key": "k", "verb": "notify", "at": order.created_at, "failed": "Mended soon."}}},
    )
    assert "Something that follows could not be done" in text_of(client.get("/admin/orders"))
    assert "Mended soon." in client.get("/admin/orders/1").text


# --- one of them ------------------------------------------------------------------------------------------------------


def test_confirming_credits_the_tokens(client, ada):
    make_order(ada)
    assert "Only confirm RUB 149.00 that you have seen." in text_of(client.get("/admin/orders/1")).replace("\xa0", " ")
    response = client.post("/admin/orders/1/confirm", data={"note": "Transfer 4711"})
    assert (response.status_code, response.location) == (303, "/admin/orders/1")
    assert token_accounts.view(ada.id).available == 200_000
    text = text_of(client.get("/admin/orders/1"))
    for said in ("is paid, and its tokens are credited.", "Transfer 4711", "Bob"):
        assert said in text, said


def test_a_note_that_is_too_long_comes_back(client, ada):
    make_order(ada)
    response = client.post("/admin/orders/1/confirm", data={"note": "x" * 501})
    assert (response.status_code, "x" * 501 in response.text) == (400, True)
    assert orders.by_number(1).status == "created"


def test_who_comes_second_hears_who_was_first(client, ada):
    order_steps.confirm(make_order(ada), by=OPERATOR)
    for step in ("confirm", "cancel"):
        response = client.post(f"/admin/orders/1/{step}", data={"note": ""})
        assert response.status_code == 409
        assert "Order #1 is already paid, by The tests on" in text_of(response)


def test_cancelling_ends_the_order(client, ada):
    make_order(ada)
    assert client.post("/admin/orders/1/cancel").status_code == 303
    assert orders.by_number(1).status == "cancelled"


def test_a_refund_says_before_and_after_what_cannot_be_taken_back(client, ada):
    make_order(ada, status=Status.PAID)
    token_accounts.spend(ada.id, 180_000, by=OPERATOR)
    page = text_of(client.get("/admin/orders/1/refund"))
    assert "20,000 of the 50,000 tokens are taken back." in page
    assert "30,000 cannot be taken back: they are spent, held or have expired." in page
    assert client.post("/admin/orders/1/refund", data={"reason": " "}).status_code == 400
    assert client.post("/admin/orders/1/refund", data={"reason": "Ordered twice"}).status_code == 303
    text = text_of(client.get("/admin/orders/1"))
    assert "20,000 of 50,000 tokens were taken back. 30,000 could not be taken" in text
    assert token_accounts.view(ada.id).available == 0


def test_what_is_not_paid_is_not_refunded(client, ada):
    make_order(ada)
    assert "Only a paid order can be refunded." in client.get("/admin/orders/1/refund").text
    response = client.post("/admin/orders/1/refund", data={"reason": "Why not"})
    assert response.status_code == 409
    assert "is not paid" in text_of(response)


def test_what_was_refunded_already_is_said_as_a_sentence_on_the_form(client, ada):
    order_steps.refund(make_order(ada, status=Status.PAID), by=OPERATOR, reason="First")
    response = client.post("/admin/orders/1/refund", data={"reason": "Second"})
    assert response.status_code == 409
    said = r"Order #1 is already refunded, by The tests on \d+/\d+/\d\d, \d+:\d\d\s[AP]M\."
    assert re.search(said, text_of(response)), text_of(response)


def test_nobody_confirms_their_own_order(client, bob):
    make_order(bob)
    assert "This is your own order." in client.get("/admin/orders/1").text
    assert client.post("/admin/orders/1/confirm", data={"note": ""}).status_code == 403
    assert orders.by_number(1).status == "created"


@pytest.mark.parametrize("roles", [(), ("support",), ("reviewer",)])
def test_without_the_permission_there_is_nothing_to_see(app, ada, roles):
    make_order(ada)
    client = sign_in(app.test_client(), make_user(roles=roles))
    calls = [client.get(f"/admin/orders{rest}") for rest in ("", "/1", "/1/refund")]
    calls += [client.post(f"/admin/orders/1/{step}") for step in ("confirm", "cancel", "refund", "check")]
    assert {one.status_code for one in calls} == {403}


def test_an_order_that_is_not_there_is_not_found(client):
    calls = [client.get(f"/admin/orders/9{rest}") for rest in ("", "/refund")]
    calls += [client.post(f"/admin/orders/9/{step}") for step in ("confirm", "cancel", "refund", "check")]
    assert {one.status_code for one in calls} == {404}


def test_a_users_page_shows_the_orders_to_who_manages_billing(client, app, ada):
    for _ in range(6):
        make_order(ada, status=Status.CANCELLED)
    page = client.get(f"/admin/users/{ada.id}")
    assert re.findall(r"/admin/orders/(\d+)", page.text) == ["6", "5", "4", "3", "2"]
    assert numbers(client.get(f"/admin/orders?q={ada.id}")) == [6, 5, 4, 3, 2, 1]
    support = sign_in(app.test_client(), make_user(roles=["support"]))
    assert "/admin/orders" not in support.get(f"/admin/users/{ada.id}").text


# --- at Stripe --------------------------------------------------------------------------------------------------------


def test_asking_stripe_finds_a_payment_that_nobody_heard_of(client, ada, stripe):
    order = make_order(ada)
    assert "Ask Stripe" in client.get("/admin/orders/1").text
    client.post("/admin/orders/1/check")
    assert "Stripe knows nothing new" in client.get("/admin/orders/1").text
    stripe.trouble = (500, "api_error")
    client.post("/admin/orders/1/check")
    assert "cannot be reached" in client.get("/admin/orders/1").text
    stripe.pay(order.checkout["id"])
    client.post("/admin/orders/1/check")
    assert token_accounts.view(ada.id).available == 200_000


def test_the_order_says_whether_stripe_has_given_the_money_back(client, ada, stripe):
    order = make_order(ada)
    order_steps.paid(order, payment=stripe.pay(order.checkout["id"])["payment_intent"])
    for trouble, said in [((500, "api_error"), "has not given the money back yet"), (None, "is refunded")]:
        stripe.trouble = trouble
        client.post("/admin/orders/1/refund", data={"reason": "Ordered twice"})
        assert said in text_of(client.get("/admin/orders/1")), said
        due.perform(Order, order.id)
    assert "has not given the money back yet" not in text_of(client.get("/admin/orders/1"))


def test_the_pages_of_an_order_outlive_its_user(client, ada):
    make_order(ada, status=Status.PAID)
    ada.delete()
    for page in ("", "/1", "/1/refund"):
        assert "A deleted user" in text_of(client.get(f"/admin/orders{page}")), page
    client.post("/admin/orders/1/refund", data={"reason": "Gone"})
    assert orders.by_number(1).status == "refunded"


def test_what_did_not_fit_is_told_in_a_sentence(client, ada, stripe):
    order = make_order(ada)
    for what in ("amount", "currency", "partial_refund", "page"):
        found = {"event": what, "at": order.created_at, "what": what, "amount": 1_490, "currency": "USD"}
        Order._get_collection().update_one({"_id": order.id}, {"$push": {"discrepancies": found}})
    text = text_of(client.get("/admin/orders/1")).replace("\xa0", " ")
    for said in (
        "another amount was made: $14.90 instead of RUB 149.00",
        "another currency",
        "A part of the payment",
        "not its own, of $14.90",
    ):
        assert said in text, said
    assert "does not fit this order" in client.get("/admin/orders").text


def test_an_order_at_stripe_is_not_confirmed_by_hand(client, ada, stripe):
    make_order(ada)
    assert "The payment has arrived" not in client.get("/admin/orders/1").text
    assert client.post("/admin/orders/1/confirm", data={"note": ""}).status_code == 403
