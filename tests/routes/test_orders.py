"""A user's own orders: the list, one of them with what is next, and cancelling it."""

from datetime import timedelta

import pytest
import time_machine

from app import clock, pagination
from app.models.order import Order, Status
from app.services import order_steps, orders, token_accounts
from tests.buying import make_order
from tests.factories import OPERATOR, make_user, sign_in
from tests.page_client import text_of


@pytest.fixture
def ada():
    return make_user("ada@example.com", name="Ada")


@pytest.fixture
def client(client, ada):
    return sign_in(client, ada)


def test_the_list_is_empty_at_first_and_says_what_to_do(client):
    assert "No orders yet" in client.get("/orders").text


def test_the_list_shows_ones_own_newest_first(client, ada):
    make_order(ada)
    make_order(ada, package="extended", status=Status.PAID)
    make_order()
    text = text_of(client.get("/orders"))
    assert text.index("#2 Extended") < text.index("#1 Basic")
    assert "#3" not in text
    assert {"Paid", "Not paid yet"} <= {said for said in ("Paid", "Not paid yet") if said in text}


def test_the_list_has_pages(client, ada, monkeypatch):
    monkeypatch.setattr(pagination, "SIZE", 2)
    for _ in range(3):
        make_order(ada)
    assert "/orders?before=2" in client.get("/orders").text
    assert "#1" in text_of(client.get("/orders?before=2"))
    assert client.get("/orders?before=x").status_code == 400


STANDING = {
    Status.CREATED: "Please pay RUB 149.00, and name order #1.",
    Status.CANCELLED: "This order was cancelled before it was paid.",
    Status.PAID: "Your payment has arrived, and the tokens were added to your account.",
    Status.REFUNDED: "50,000 tokens were taken from your account for it.",
}


@pytest.mark.parametrize(("status", "said"), STANDING.items())
def test_an_order_says_where_it_stands_and_what_is_next(client, ada, status, said):
    make_order(ada, status=status)
    assert said in text_of(client.get("/orders/1")).replace("\xa0", " ")


def test_the_settings_say_how_to_pay(app, monkeypatch, client, ada):
    make_order(ada)
    monkeypatch.setitem(app.config, "PAYMENT_INSTRUCTIONS", "IBAN DE00 <b>1234</b>")
    assert "IBAN DE00 &lt;b&gt;1234&lt;/b&gt;" in client.get("/orders/1").text


def test_the_owner_reads_neither_names_nor_notes_of_others(client, ada):
    order = make_order(ada)
    order_steps.confirm(order, by=OPERATOR, note="A secret note")
    text = text_of(client.get("/orders/1"))
    assert "The team" in text
    assert "secret" not in text
    assert OPERATOR.name not in text


def test_the_bell_leads_to_the_paid_order(client, ada):
    make_order(ada, status=Status.PAID)
    page = client.get("/notifications")
    assert "Your order #1 is paid: 50,000 tokens were added." in text_of(page)


def test_an_order_is_cancelled_by_its_owner_while_it_is_not_paid(client, ada):
    make_order(ada)
    for _ in range(2):
        assert client.post("/orders/1/cancel").location == "/orders/1"
    assert orders.by_number(1).status == "cancelled"
    assert "is cancelled" in text_of(client.get("/orders/1"))
    make_order(ada, status=Status.PAID)
    client.post("/orders/2/cancel")
    assert "Order #2 cannot be cancelled any more." in text_of(client.get("/orders/2"))
    assert orders.by_number(2).status == "paid"


def test_somebody_elses_order_is_not_there(client):
    make_order()
    calls = [
        client.get("/orders/1"),
        client.post("/orders/1/cancel"),
        client.post("/orders/1/pay"),
        client.get("/orders/2"),
    ]
    assert [one.status_code for one in calls] == [404] * 4
    assert Order.objects.get().status == "created"


# --- at Stripe --------------------------------------------------------------------------------------------------------


def test_who_comes_back_from_stripe_sees_by_themselves_when_it_is_paid(client, ada, stripe):
    order = make_order(ada)
    waiting = client.get("/orders/1?returned=1")
    assert waiting.headers["Refresh"] == "5"
    assert "Stripe has not told us of your payment yet." in text_of(waiting)
    order_steps.paid(order, payment=None)
    paid = client.get("/orders/1?returned=1")
    assert "Refresh" not in paid.headers
    assert "the tokens were added" in text_of(paid)
    assert token_accounts.view(ada.id).available == 200_000


def test_a_payment_page_that_has_expired_is_not_offered(client, ada, stripe):
    make_order(ada)
    with time_machine.travel(clock.now() + timedelta(days=1)):
        sign_in(client, ada)
        page = client.get("/orders/1")
    assert "has expired" in text_of(page)
    assert "checkout.example.com" not in page.text
