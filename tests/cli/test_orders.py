"""`flask orders`, as an operator types it."""

import json

import pytest
from click.testing import Result
from flask import Flask

from app.models.order import Order, Status
from app.services import orders, token_accounts
from tests.buying import make_order
from tests.factories import OPERATOR, make_user


@pytest.fixture
def flask(app: Flask):
    """Runs `flask orders …`."""

    def run(*words: str, **options) -> Result:
        result = app.test_cli_runner().invoke(args=["orders", *words], **options)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def ada():
    return make_user("ada@example.com", name="Ada")


def test_the_list_is_of_all_of_a_status_and_of_a_user(flask, ada):
    for status in Status:
        make_order(ada, status=status)
    make_order()

    def numbers(*words):
        return [one["number"] for one in json.loads(flask("list", "--json", *words).stdout)]

    assert numbers() == [5, 4, 3, 2, 1]
    assert numbers("--status", "created") == [5, 1]
    assert numbers("--user", "ada@example.com", "--status", "created") == [1]
    assert numbers("--user", "ada@example.com", "--limit", "2", "--before", "4") == [3, 2]
    assert "ada@example.com" in flask("list").stdout
    assert flask("list", "--user", "nobody@example.com").exit_code == 1


def test_no_orders_are_said_to_be_none(flask):
    assert flask("list").stdout == "No orders.\n"


def test_an_order_is_shown_with_its_history(flask, ada):
    make_order(ada, status=Status.PAID)
    shown = json.loads(flask("show", "1", "--json").stdout)
    assert (shown["status"], shown["amount"], shown["user"]) == ("paid", 149, "ada@example.com")
    assert [step["to_status"] for step in shown["history"]] == ["created", "paid"]
    assert "ada@example.com" in flask("show", "1").stdout


@pytest.mark.parametrize(
    "words", [["show"], ["confirm", "--yes"], ["cancel", "--yes"], ["refund", "--reason", "x", "--yes"]]
)
def test_what_is_no_order_is_not_found(flask, words):
    for number in ("9", "abc", "#1", "f" * 24):
        result = flask(*words, number)
        assert (result.exit_code, "Order not found" in result.stderr) == (1, True), number


def test_each_step_asks_first_and_says_where_the_order_stands(flask, ada):
    make_order(ada)
    assert flask("confirm", "1", input="n\n").exit_code == 1
    assert orders.by_number(1).status == "created"
    assert "Order #1 is paid." in flask("confirm", "1", "--note", "Transfer", input="y\n").stdout
    token_accounts.spend(ada.id, 180_000, by=OPERATOR)
    refunded = flask("refund", "1", "--reason", "Ordered twice", "--yes").stdout
    assert "Order #1 is refunded." in refunded
    assert "20,000 of 50,000 tokens came back." in refunded
    assert "30,000 could not be taken" in refunded
    make_order(ada)
    assert "Order #2 is cancelled." in flask("cancel", "2", "--yes").stdout
    refused = flask("cancel", "1", "--yes")
    assert (refused.exit_code, "Order #1 is already refunded" in refused.stderr) == (1, True)


def test_reconciling_credits_what_nobody_heard_of_once(flask, ada, stripe):
    order = make_order(ada)
    assert "1 orders were looked at, and nothing was amiss." in flask("reconcile").stdout
    stripe.pay(order.checkout["id"])
    first = json.loads(flask("reconcile", "--json", "--days", "1").stdout)
    assert first == [{"number": 1, "before": "created", "status": "paid", "finished": False, "failure": ""}]
    assert json.loads(flask("reconcile", "--json").stdout) == []
    assert token_accounts.view(ada.id).available == 200_000


def test_reconciling_fails_where_nobody_could_tell(flask, ada, stripe):
    make_order(ada)
    stripe.trouble = (500, "api_error")
    result = flask("reconcile")
    assert (result.exit_code, "try again later" in result.stderr) == (1, True)
    assert "cannot be reached" in result.stdout


def test_what_is_left_to_do_is_said(flask, ada, stripe):
    order = make_order(ada)
    stripe.pay(order.checkout["id"])
    flask("reconcile")
    stripe.trouble = (500, "api_error")
    result = flask("refund", "1", "--reason", "x", "--yes")
    assert "not done yet" in result.stderr
    assert Order.objects.get().status == "refunded"
