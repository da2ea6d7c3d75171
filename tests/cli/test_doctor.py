"""`flask doctor`: what it looks at, and what it makes of it."""

import json
from datetime import timedelta

import pytest
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock, db
from app.models.assistant import Assistant
from app.models.user import User
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import assistants
from tests.stripe_server import SECRET_KEY
from tests.upstream.misbehaving import misbehaving, status


@pytest.fixture
def doctor(app):
    """What the doctor found, by what it looked at, and the exit code."""

    def look():
        result = app.test_cli_runner().invoke(args=["doctor", "--json"])
        return {finding["what"]: finding for finding in json.loads(result.stdout)}, result.exit_code

    return look


def test_a_sound_installation_passes_with_its_mongodb_named_as_too_old_or_not(doctor):
    WorkerHeartbeat.beat("here:1")
    found, code = doctor()
    assert code == 0, found
    assert found["replica set"]["text"] == "rs0, 1"
    assert found["worker"] == {"what": "worker", "state": "ok", "text": "here:1"}
    version = get_db().client.server_info()["version"]
    assert version in found["MongoDB"]["text"]
    assert found["MongoDB"]["state"] == ("warning" if version.startswith("6.") else "ok")


def test_without_a_worker_it_fails(doctor):
    found, code = doctor()
    assert (found["worker"]["state"], code) == ("problem", 1)


def test_a_worker_that_fell_silent_counts_for_none(doctor, monkeypatch):
    WorkerHeartbeat.beat("here:1")
    later = clock.now() + timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    found, _ = doctor()
    assert found["worker"]["state"] == "problem"
    assert found["clock"]["state"] == "warning"


def test_what_is_late_is_a_warning_and_what_failed_a_problem(doctor):
    item = {"key": "k", "verb": "notify", "arguments": {}, "at": clock.now() - timedelta(minutes=2)}
    user = {"_id": ObjectId(), "email": "ann@example.com", "tier": "free", "due": [item]}
    users = User._get_collection()
    users.insert_one(user)
    assert doctor()[0]["due"]["state"] == "warning"
    users.update_one({"_id": user["_id"]}, {"$set": {"due.0.failed": "no such thing"}})
    found, _ = doctor()
    assert found["due"]["state"] == "problem"
    assert "0 waiting for over a minute, 1 failed" in found["due"]["text"]


def test_a_missing_index_is_named_with_the_remedy(doctor):
    User._get_collection().drop_index("email_1")
    found, code = doctor()
    db.ensure_structure()
    assert code == 1
    assert found["structure"]["text"] == "index email_1 of users is missing (run: flask db init)"


def test_without_an_assistant_nobody_answers(doctor):
    assert doctor()[0]["chat"] == {
        "what": "chat",
        "state": "warning",
        "text": "no assistant is active, so nobody answers",
    }


def test_without_a_server_the_demo_assistant_answers(doctor):
    assistants.ensure_default()
    found = doctor()[0]["chat"]
    assert (found["state"], found["text"][:31]) == ("ok", "the built-in demo assistant ans")


MODELS = '{"data": [{"id": "gpt-4o-mini"}, {"id": "other"}]}'


@pytest.mark.parametrize(
    ("model", "play", "state", "text"),
    [
        ("default", status(200, MODELS), "ok", "%s: gpt-4o-mini"),
        ("default", status(404), "ok", "%s: gpt-4o-mini"),
        ("default", status(200, "<p>Hello"), "ok", "%s: gpt-4o-mini"),
        ("mine", status(200, MODELS), "warning", "%s has no mine; it offers gpt-4o-mini, other"),
        ("default", status(401), "problem", "%s does not take CHAT_API_KEY"),
        ("default", b"", "problem", "%s does not answer: Server disconnected without sending a response."),
    ],
)
def test_the_chats_server_is_asked_for_its_models(doctor, app, monkeypatch, model, play, state, text):
    assistants.ensure_default()
    Assistant.objects.update(model=model)
    with misbehaving() as server:
        monkeypatch.setitem(app.config, "CHAT_BASE_URL", server.url)
        server.will((play,))
        found = doctor()[0]["chat"]
    assert (found["state"], found["text"]) == (state, text % server.url)
    assert server.calls[0].line == "GET /v1/models HTTP/1.1"


def test_the_payment_is_looked_at(doctor, app, monkeypatch, stripe):
    def payment(**settings):
        for name, value in settings.items():
            monkeypatch.setitem(app.config, name, value)
        found = doctor()[0]["payment"]
        return found["state"], found["text"]

    assert payment() == ("ok", "Stripe answers")
    refused = payment(STRIPE_SECRET_KEY="sk_test_other")
    assert refused == ("problem", "Stripe does not take STRIPE_SECRET_KEY: 401")
    stripe.trouble = (500, "api_error")
    assert payment(STRIPE_SECRET_KEY=SECRET_KEY) == ("problem", "Stripe does not answer")
    untold = payment(PAYMENT_PROVIDER="manual")
    assert untold == ("warning", "PAYMENT_INSTRUCTIONS is empty, so nobody reads how to pay")
    assert payment(PAYMENT_INSTRUCTIONS="IBAN …") == ("ok", "confirmed by hand")
    assert payment(PACKAGES={}) == ("ok", "nothing is for sale")


def test_it_reads_well_in_a_terminal(app):
    lines = app.test_cli_runner().invoke(args=["doctor"]).stdout.splitlines()
    assert lines[0].startswith("ok    Python: 3.")
    assert "FAIL  worker: none was heard of in the last 30 seconds (run: flask worker)" in lines
