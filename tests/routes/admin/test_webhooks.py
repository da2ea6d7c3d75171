"""The pages of webhooks."""

import re

import pytest

from app.models.webhook import Webhook
from app.services import webhooks
from tests.factories import OPERATOR, make_admin, make_user, sign_in
from tests.page_client import text_of

LIST, NEW = "/admin/webhooks", "/admin/webhooks/new"
URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def client(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    return sign_in(client, make_admin(name="Adam"))


@pytest.fixture
def hook(client):
    return webhooks.create(url=URL, events=["tokens.low"], by=OPERATOR)[0]


def filled(**more):
    return {"url": URL, "events": ["order.paid"], "version": "1", "key": "a-form", **more}


def test_making_one_shows_its_secret_once(client):
    assert client.get(NEW).status_code == 200
    response = client.post(NEW, data=filled())
    assert response.status_code == 201
    secret = re.search(r">(whsec_[A-Za-z0-9+/=]{44})<", response.text)[1]
    assert Webhook.objects.get().secret == secret
    assert secret not in client.get(LIST).text
    again = client.post(NEW, data=filled())
    assert (again.status_code, Webhook.objects.count()) == (303, 1)
    assert "has made a webhook already" in text_of(client.get(LIST))


def test_the_list_shows_them_or_how_to_begin(client):
    assert "No webhooks yet" in text_of(client.get(LIST))
    webhooks.create(url=URL, events=["tokens.low", "order.paid"], by=OPERATOR)
    text = text_of(client.get(LIST))
    assert f"1 webhook URL Hears of State Made Remove {URL} order.paid tokens.low On" in text


def test_one_is_changed_and_switched_off(client, hook):
    assert f'value="{URL}"' in client.get(f"{LIST}/{hook.id}").text
    response = client.post(f"{LIST}/{hook.id}", data=filled(url=f"{URL}/2"))
    assert (response.status_code, response.location) == (303, LIST)
    now = webhooks.get(hook.id)
    assert (now.url, now.events, now.active, now.version) == (f"{URL}/2", ["order.paid"], False, 2)
    assert "Off" in text_of(client.get(LIST))


def test_a_form_that_somebody_else_has_overtaken_changes_nothing(client, hook):
    webhooks.edit(hook, url=hook.url, events=hook.events, active=False, version=1, by=OPERATOR)
    response = client.post(f"{LIST}/{hook.id}", data=filled(active="y"))
    assert response.status_code == 409
    assert "Begin again from how it is now" in text_of(response)
    assert webhooks.get(hook.id).active is False


@pytest.mark.parametrize("path", [NEW, "edit"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": ""}, "Where should we send it?"),
        ({"url": "ftp://example.com"}, "begins with https:// or http://"),
        ({"events": []}, "Choose at least one."),
        ({"events": ["x"]}, "There is no such event."),
        ({"url": "x" * 2_001}, "at most 2000 characters"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client, hook, path, wrong, said):
    response = client.post(path if path == NEW else f"{LIST}/{hook.id}", data=filled(**wrong))
    assert response.status_code == 400
    assert said in text_of(response)
    assert [one.version for one in webhooks.kept()] == [1]


def test_a_private_target_is_refused_unless_it_is_allowed(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", False)
    response = client.post(NEW, data=filled())
    assert (response.status_code, Webhook.objects.count()) == (400, 0)
    assert "not on the public internet" in text_of(response)


def test_a_test_event_is_sent_and_looked_at_among_the_deliveries(client, hook):
    assert "Send a test event" in text_of(client.get(f"{LIST}/{hook.id}"))
    response = client.post(f"{LIST}/{hook.id}/test")
    assert (response.status_code, response.location) == (303, "/admin/deliveries")
    text = text_of(client.get("/admin/deliveries"))
    assert "A test event is on its way." in text
    assert f"Webhook test {URL} Waiting" in text
    assert client.post(f"{LIST}/{'f' * 24}/test").status_code == 404


def test_one_that_is_switched_off_is_not_tested(client, hook):
    webhooks.edit(hook, url=hook.url, events=hook.events, active=False, version=1, by=OPERATOR)
    assert client.post(f"{LIST}/{hook.id}/test").location == f"{LIST}/{hook.id}"
    text = text_of(client.get(f"{LIST}/{hook.id}"))
    assert "switched off, so nothing is sent to it" in text
    assert "Send a test event" not in text


def test_one_is_removed(client, hook):
    assert client.post(f"{LIST}/{hook.id}/remove").status_code == 303
    assert "The webhook is removed." in text_of(client.get(LIST))
    assert client.get(f"{LIST}/{hook.id}").status_code == 404
    assert client.post(f"{LIST}/{hook.id}/remove").status_code == 404


def test_they_are_for_those_who_manage_settings(app, hook):
    client = sign_in(app.test_client(), make_user(roles=["reviewer", "support"]))
    for path in (LIST, NEW, f"{LIST}/{hook.id}"):
        assert client.get(path).status_code == 403
    for path in (NEW, f"{LIST}/{hook.id}", f"{LIST}/{hook.id}/remove", f"{LIST}/{hook.id}/test"):
        assert client.post(path, data=filled()).status_code == 403
    assert [one.version for one in webhooks.kept()] == [1]
