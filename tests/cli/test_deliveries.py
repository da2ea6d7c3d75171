"""`flask deliveries`, as an operator types it."""

import json

import pytest

from app.models.audit_event import AuditEvent
from app.models.delivery import Delivery, State
from tests.factories import make_delivery, make_user


@pytest.fixture
def flask(app):
    return lambda *words: app.test_cli_runner().invoke(args=["deliveries", *words])


def test_the_list_says_what_goes_where_and_why_it_has_not_arrived(flask):
    make_delivery(State.DEAD, user=make_user("ann@example.com").id, last_error="550 no\x1b[31m")
    make_delivery(State.SENT, address="new@example.com")
    text = flask("list").stdout
    assert "ann@example.com" in text
    assert "new@example.com" in text
    assert "\x1b" not in text
    (dead,) = json.loads(flask("list", "--state", "dead", "--json").stdout)
    assert (dead["to"], dead["state"], dead["last_error"]) == ("ann@example.com", "dead", "550 no\x1b[31m")
    assert "No deliveries." in flask("list", "--state", "waiting").stdout


def test_it_goes_on_where_the_last_page_ended(flask):
    older, newer = make_delivery(State.SENT), make_delivery(State.SENT)
    (one,) = json.loads(flask("list", "--before", str(newer.id), "--json").stdout)
    assert one["id"] == str(older.id)


def test_one_is_tried_again_or_all_that_were_given_up(flask):
    mails = [make_delivery(State.DEAD), make_delivery(State.DEAD), make_delivery(State.DEAD)]
    assert flask("retry", str(mails[0].id)).exit_code == 0
    assert [one.state for one in Delivery.objects.order_by("id")] == [State.WAITING, State.DEAD, State.DEAD]
    assert flask("retry", "--dead").stdout == "Tried again within seconds: 2.\n"
    assert AuditEvent.objects(action="delivery.retry", actor__kind="cli").count() == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["retry"], 2, "Name one delivery"),
        (["retry", "f" * 24, "--dead"], 2, "Name one delivery"),
        (["retry", "f" * 24], 1, "Not found."),
        (["retry", "x"], 2, "24 digits"),
        (["list", "--state", "lost"], 2, "'lost' is not one of 'waiting'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(flask, words, code, said):
    result = flask(*words)
    assert (result.exit_code, said in result.stderr) == (code, True), result.output


def test_what_was_sent_is_not_sent_again(flask):
    result = flask("retry", str(make_delivery(State.SENT).id))
    assert (result.exit_code, "Somebody has changed this" in result.stderr) == (1, True)
