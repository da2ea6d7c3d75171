"""`flask doctor`: what it looks at, and what it makes of it."""

import json
from datetime import timedelta

import pytest
from bson import ObjectId
from mongoengine import connect, disconnect
from mongoengine.connection import get_db

import config
from app import clock, db
from app.cli.examination import database
from app.models.assistant import Assistant
from app.models.delivery import Delivery
from app.models.token_account import TokenAccount
from app.models.user import User
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import assistants, audit_anchors, token_accounts
from tests.factories import OPERATOR, make_user
from tests.mail_server import mail_server
from tests.sealing import enter
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
    assert found["worker"] == {"what": "worker", "state": "ok", "text": "here:1", "remedy": ""}
    assert {
        found[what]["state"] for what in ("majority", "structure", "due", "ledger", "audit", "deliveries", "mail")
    } == {"ok"}
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


def test_entries_and_deliveries_that_do_not_move_on_are_warnings(doctor):
    long_ago = clock.now() - timedelta(hours=1)
    deliveries, user = Delivery._get_collection(), make_user()
    token_accounts.spend(user.id, 7, by=OPERATOR)
    TokenAccount._get_collection().update_one({"_id": user.id}, {"$set": {"drain_at": long_ago}})
    mail = {"kind": "mail", "channel": "mail", "what": "notice", "created_at": long_ago}
    deliveries.insert_one({**mail, "key": "late", "state": "waiting", "next_at": long_ago})
    found, _ = doctor()
    assert found["ledger"]["text"] == "accounts that wait for their copy: 1"
    assert (found["deliveries"]["state"], found["deliveries"]["text"]) == ("warning", "1 late, 0 given up")
    deliveries.insert_one({**mail, "key": "dead", "state": "dead"})
    found, _ = doctor()
    assert found["deliveries"]["text"] == "1 late, 1 given up"
    assert "flask deliveries retry --dead" in found["deliveries"]["remedy"]


def test_events_that_nobody_seals_and_anchors_that_cannot_be_written_are_warnings(doctor, app, monkeypatch, tmp_path):
    enter()
    assert doctor()[0]["audit"]["state"] == "ok"
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=3))
    assert doctor()[0]["audit"]["text"] == "events that wait for their seal: 1"
    assert doctor()[0]["audit"]["state"] == "warning"
    monkeypatch.setitem(app.config, "AUDIT_ANCHOR_FILE", str(tmp_path / "away" / "anchors.txt"))
    with pytest.raises(FileNotFoundError):
        audit_anchors.keep_up()
    assert doctor()[0]["audit"]["state"] == "ok"
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=30))
    found = doctor()[0]["audit"]
    assert (found["state"], found["text"]) == (
        "warning",
        "events that wait for their seal: 0; no anchor for 27 minutes",
    )
    assert str(tmp_path) in found["remedy"]
    monkeypatch.setitem(app.config, "AUDIT_ANCHOR_FILE", "")
    assert doctor()[0]["audit"]["state"] == "warning"
    audit_anchors.keep_up()
    assert doctor()[0]["audit"]["state"] == "ok"


def test_a_disk_that_fills_up_is_told_before_it_is_full(doctor, monkeypatch):
    for nearly, full, state in ((101, 101, "ok"), (0, 101, "warning"), (0, 0, "problem")):
        monkeypatch.setattr(database, "NEARLY_FULL", nearly)
        monkeypatch.setattr(database, "FULL", full)
        assert doctor()[0]["disk"]["state"] == state


def test_the_mail_server_is_asked_whether_it_takes_us(doctor, app, monkeypatch):
    with mail_server(app, monkeypatch):
        found, _ = doctor()
        assert found["mail"]["state"] == "ok"
        monkeypatch.setitem(app.config, "MAIL_TLS", "starttls")
        assert doctor()[0]["mail"]["state"] == "problem"
    found, code = doctor()
    assert (found["mail"]["state"], code) == ("problem", 1)
    assert found["mail"]["text"].startswith("127.0.0.1:")


def test_in_development_it_says_what_production_would_need(app, monkeypatch):
    for name in config.Production.model_fields:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config.Production, "model_config", {**config.Production.model_config, "env_file": None})
    lines = app.test_cli_runner().invoke(args=["doctor"]).stdout
    for name in ("SECRET_KEY", "MONGODB_URI", "PUBLIC_URL"):
        assert f"warn  production: {name} " in lines


def test_in_production_a_way_back_from_a_forgotten_password_is_missed(doctor, app, monkeypatch):
    monkeypatch.setitem(app.config, "ENVIRONMENT", "production")
    assert "MAIL_SERVER" in doctor()[0]["settings"]["text"]


def test_a_missing_index_is_named_with_the_remedy(doctor):
    User._get_collection().drop_index("email_1")
    found, code = doctor()
    db.ensure_structure()
    assert code == 1
    assert found["structure"]["text"] == "index email_1 of users is missing"
    assert found["structure"]["remedy"] == "run: flask db init"


def test_without_an_assistant_nobody_answers(doctor):
    assert doctor()[0]["chat"] == {
        "what": "chat",
        "state": "warning",
        "text": "no assistant is active, so nobody answers",
        "remedy": "activate one at /admin/assistants",
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


def test_without_a_database_it_still_looks_at_the_rest(app, mongodb_uri):
    disconnect()
    connect(host="mongodb://127.0.0.1:9/tokendesk", **{**db.CLIENT_OPTIONS, "timeoutMS": 300})
    try:
        result = app.test_cli_runner().invoke(args=["doctor", "--json"])
    finally:
        disconnect()
        connect(host=mongodb_uri, **db.CLIENT_OPTIONS)
    found = {finding["what"]: finding for finding in json.loads(result.stdout)}
    assert (found["MongoDB"]["state"], result.exit_code) == ("problem", 1)
    assert "configured timeouts" not in found["MongoDB"]["text"]
    assert found["mail"]["state"] == "ok"
    assert "worker" not in found
