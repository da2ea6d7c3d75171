"""The page of what leaves the site."""

import pytest
from bson import ObjectId

from app import clock
from app.models.delivery import Delivery, Kind, State
from app.models.webhook import Webhook
from tests.factories import make_admin, make_delivery, make_user, sign_in
from tests.page_client import text_of

LIST = "/admin/deliveries"


@pytest.fixture
def client(client):
    return sign_in(client, make_admin(name="Adam"))


def test_the_list_says_what_goes_where_how_far_it_is_and_why(client):
    ann = make_user("ann@example.com")
    facts = {"url": "https://hooks.example.com/", "secret": "whsec_eA==", "events": ["tokens.low"]}
    webhook = Webhook(idempotency_key="form", created_at=clock.now(), **facts).save()
    make_delivery(State.DEAD, user=ann.id, attempts=7, last_error="550 <b>no</b> such user")
    make_delivery(
        State.WAITING, user=ann.id, address="new@example.com", attempts=1, next_at=clock.now(), last_error="450 later"
    )
    make_delivery(State.SENT, kind=Kind.WEBHOOK, what="tokens.low", webhook=webhook.id)
    make_delivery(State.SENDING, user=ObjectId())
    page = client.get(LIST)
    text = text_of(page)
    for words in (
        "ann@example.com Given up 550 &lt;b&gt;no&lt;/b&gt; such user",
        "new@example.com Waiting 450 later The next attempt:",
        "Webhook tokens.low https://hooks.example.com/ Sent",
        "Somebody who is gone Being sent",
    ):
        assert words in text, words
    assert page.text.count("/retry") == 2


@pytest.mark.parametrize(("state", "shown"), [("", 4), ("waiting", 2), ("dead", 1), ("sent", 1)])
def test_it_shows_one_state_or_all(client, state, shown):
    for one in State:
        make_delivery(one)
    page = client.get(LIST, query_string={"state": state})
    assert page.text.count('<th role="rowheader"') == shown


def test_it_goes_on_page_by_page(client):
    for _ in range(51):
        make_delivery(State.SENT)
    first = client.get(f"{LIST}?state=sent")
    assert first.text.count('<th role="rowheader"') == 50
    before = first.text.partition("state=sent&amp;before=")[2][:24]
    assert client.get(f"{LIST}?state=sent&before={before}").text.count('<th role="rowheader"') == 1


def test_an_empty_list_says_so_and_that_there_is_no_mail_server(client):
    assert "Nothing was sent yet" in text_of(client.get(LIST))
    assert "No mail server is set" in text_of(client.get(LIST))
    assert "Nothing in this state" in text_of(client.get(f"{LIST}?state=dead"))


def test_one_is_tried_again(client):
    dead, sent = make_delivery(State.DEAD, user=make_user().id), make_delivery(State.SENT)
    response = client.post(f"{LIST}/{dead.id}/retry")
    assert (response.status_code, response.location) == (303, LIST)
    assert "tried again within seconds" in text_of(client.get(LIST))
    assert Delivery.objects.get(id=dead.id).state == State.WAITING
    client.post(f"{LIST}/{sent.id}/retry")
    assert "Somebody has changed this" in text_of(client.get(LIST))
    assert Delivery.objects.get(id=sent.id).state == State.SENT


def test_what_it_does_not_know_is_refused(client):
    assert client.get(f"{LIST}?state=nothing").status_code == 400
    assert client.get(f"{LIST}?before=x").status_code == 400
    assert client.post(f"{LIST}/{'f' * 24}/retry").status_code == 404


def test_it_is_for_those_who_manage_settings(app):
    client = sign_in(app.test_client(), make_user(roles=["reviewer", "support"]))
    assert client.get(LIST).status_code == 403
    assert client.post(f"{LIST}/{make_delivery(State.DEAD).id}/retry").status_code == 403
