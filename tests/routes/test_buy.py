"""Buying: the packages, ordering one of them, and what is next."""

import re

import pytest

from app.models.order import Order
from app.services import orders, token_accounts
from tests.buying import make_order
from tests.factories import actor_of, make_user, sign_in
from tests.page_client import text_of

KEY = "0" * 32


@pytest.fixture
def ada():
    return make_user("ada@example.com", name="Ada")


@pytest.fixture
def client(client, ada):
    return sign_in(client, ada)


def test_the_packages_stand_side_by_side_with_their_prices(client):
    text = text_of(client.get("/buy"))
    for said in (
        "Basic 50,000 tokens RUB 149.00",
        "Extended 200,000 tokens RUB 499.00",
        "Professional 1,000,000 tokens RUB 1,990.00",
    ):
        assert said in text.replace("\xa0", " "), said


def test_prices_and_numbers_are_in_the_readers_format(client, ada):
    ada.modify(locale="ru")
    text = text_of(client.get("/buy")).replace("\xa0", " ")
    assert "1 000 000" in text
    assert "1 990,00 ₽" in text


def test_nothing_for_sale_says_so_and_no_page_leads_there(app, monkeypatch, client):
    monkeypatch.setitem(app.config, "PACKAGES", {})
    assert "Nothing is for sale" in client.get("/buy").text
    assert 'href="/buy"' not in client.get("/account").text
    assert client.get("/buy/basic").status_code == 404


def test_the_account_and_whoever_is_out_of_tokens_find_the_way(client, ada):
    assert 'href="/buy"' in client.get("/account").text
    token_accounts.spend(ada.id, 150_000, by=actor_of(ada))
    for page in ("/chat", "/account/stopped"):
        main = client.get(page).text.partition("<main")[2]
        assert 'href="/buy"' in main, page


def test_a_package_is_ordered_after_one_look_at_it(client, ada):
    page = client.get("/buy/basic")
    assert "Available with them 200,000" in text_of(page)
    key = re.search(r'name="key" value="([0-9a-f]{32})"', page.text)[1]
    response = client.post("/buy/basic", data={"key": key})
    assert (response.status_code, response.location) == (303, "/orders/1")
    order = Order.objects.get()
    assert (order.user, order.package, order.status) == (ada.id, "basic", "created")
    assert token_accounts.view(ada.id).available == 150_000


def test_the_same_form_sent_twice_is_one_order(client):
    locations = {client.post("/buy/basic", data={"key": KEY}).location for _ in range(2)}
    assert locations == {"/orders/1"}
    assert Order.objects.count() == 1


def test_a_form_that_was_sent_for_another_package_is_refused(client):
    client.post("/buy/basic", data={"key": KEY})
    response = client.post("/buy/extended", data={"key": KEY})
    assert response.status_code == 409
    assert "already used" in text_of(response)


@pytest.mark.parametrize("data", [{}, {"key": ""}, {"key": "$ne"}, {"key": "0" * 33}])
def test_a_form_without_its_key_orders_nothing(client, data):
    assert client.post("/buy/basic", data=data).status_code == 400
    assert Order.objects.count() == 0


def test_who_has_twenty_orders_to_pay_is_sent_to_them(client, ada):
    for n in range(orders.MOST_OPEN):
        orders.place(ada, package="basic", key=str(n), by=actor_of(ada))
    response = client.post("/buy/basic", data={"key": KEY})
    assert response.status_code == 409
    assert "You have 20 orders that are not paid." in text_of(response)


@pytest.mark.parametrize("package", ["golden", "BASIC", "basic ", "%7B%7D", "$ne"])
def test_there_is_no_other_package(client, package):
    assert client.get(f"/buy/{package}").status_code == client.post(f"/buy/{package}").status_code == 404


def test_strangers_sign_in_first(app):
    stranger = app.test_client()
    assert {stranger.get(url).status_code for url in ("/buy", "/buy/basic")} == {303}


# --- at Stripe --------------------------------------------------------------------------------------------------------


def test_an_order_at_stripe_leads_to_its_payment_page(client, stripe):
    client.post("/buy/basic", data={"key": KEY})
    [page] = stripe.pages.values()
    shown = client.get("/orders/1")
    assert f'href="{page["url"]}"' in shown.text
    assert page["success_url"] == "http://localhost/orders/1?returned=1"


def test_an_order_stays_while_stripe_is_away_and_one_button_tries_again(client, stripe):
    stripe.trouble = (500, "api_error")
    assert client.post("/buy/basic", data={"key": KEY}).location == "/orders/1"
    text = text_of(client.get("/orders/1"))
    assert "The payment service cannot be reached at the moment." in text
    assert "Nothing was charged; please try again." in text
    assert client.post("/orders/1/pay").status_code == 303
    [page] = stripe.pages.values()
    assert page["url"] in client.get("/orders/1").text


def test_trying_again_in_vain_says_so(client, ada, stripe):
    make_order(ada)
    Order.objects.update(checkout=None)
    stripe.trouble = (500, "api_error")
    client.post("/orders/1/pay")
    assert "cannot be reached" in client.get("/orders/1").text
