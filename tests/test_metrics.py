"""What Prometheus is told, and who may ask."""

import io
import json
import logging
import os
import runpy
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from bson.codec_options import CodecOptions, DatetimeConversion
from mongoengine.connection import get_db
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import config
from app import clock, metrics
from app import scrape as scrape_module
from app.cli import worker
from app.models.delivery import Delivery, Kind
from app.models.domain_error import InsufficientTokens
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import backlog, delivery_attempts, review, token_accounts
from app.services.delivery_attempts import Undelivered
from tests.factories import OPERATOR, make_request, make_user
from tests.serving import ROOT, free_port

KEY = "for-prometheus-0123456789"


@pytest.fixture
def scrape(app, client, monkeypatch):
    """The samples, by name and labels."""
    monkeypatch.setitem(app.config, "METRICS_KEY", KEY)

    def ask():
        response = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})
        assert response.status_code == 200
        return samples(response.text)

    return ask


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_only_who_shows_the_key_is_told(app, client, monkeypatch):
    assert client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).status_code == 404
    monkeypatch.setitem(app.config, "METRICS_KEY", KEY)
    for shown in (None, "Bearer", f"Basic {KEY}", "Bearer other", f"Bearer {KEY}x", "Bearer ключ"):
        response = client.get("/metrics", headers={"Authorization": shown} if shown else {})
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer"), shown
    response = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert response.content_type.startswith("text/plain; version=0.0.4")


def test_answers_are_counted_by_route_and_never_by_path(client, scrape):
    ok = ("tokendesk_http_requests_total", "/healthz", "200", "GET")
    before = scrape()
    client.get("/healthz")
    client.get("/requests/98765")
    client.get("/no-such-page-98765")
    client.open("/healthz", method="BREW")
    after = scrape()
    labels = {part for name in after for part in name}
    ok, none, made_up = (
        ("tokendesk_http_requests_total", *sorted(labels))
        for labels in (("/healthz", "200", "GET"), ("none", "404", "GET"), ("none", "405", "other"))
    )
    for name in (ok, none, made_up):
        assert after[name] == before.get(name, 0) + 1, name
    assert not [part for part in labels if "98765" in part or part == "BREW"]
    seconds = ("tokendesk_http_request_seconds_count", "/healthz")
    assert after[seconds] == before.get(seconds, 0) + 1


def test_operations_are_counted_by_how_they_ended(scrape):
    before, user = scrape(), make_user()
    for tokens in (700, 700):
        token_accounts.spend(user.id, tokens, by=OPERATOR, key="k")
    with pytest.raises(InsufficientTokens):
        token_accounts.spend(user.id, 1_000_000, by=OPERATOR)
    after = scrape()

    def rose(*name):
        return after[name] - before.get(name, 0)

    for outcome in ("done", "repeated", "refused"):
        assert rose("tokendesk_token_operations_total", *sorted(("spend", outcome))) == 1, outcome
    assert rose("tokendesk_tokens_spent_total") == 700


def test_decisions_are_counted(scrape):
    before = scrape()
    review.reject(make_request(), by=OPERATOR, response="No.")
    name = ("tokendesk_request_steps_total", "quota", "rejected")
    assert scrape()[name] == before.get(name, 0) + 1


def test_attempts_at_deliveries_are_counted(scrape):
    def refuse(_delivery):
        raise Undelivered("no", final=refuse.final)

    before = scrape()
    for number, (outcome, send) in enumerate((("sent", lambda _one: None), ("failed", refuse), ("dead", refuse))):
        refuse.final = outcome == "dead"
        at = clock.now()
        facts = {"kind": Kind.MAIL, "channel": "mail", "what": "notice", "created_at": at, "next_at": at}
        Delivery(key=f"mail {number}", **facts).save()
        delivery_attempts.send_waiting(Kind.MAIL, send)
    after = scrape()
    for outcome in ("sent", "failed", "dead"):
        name = ("tokendesk_delivery_attempts_total", *sorted(("mail", outcome)))
        assert after[name] == before.get(name, 0) + 1, outcome


def test_rounds_of_the_workers_jobs_are_counted(app, scrape, caplog):
    def fail():
        raise RuntimeError

    class Never:
        asked = False

    before = scrape()
    worker.run_jobs(Never(), {"good": lambda: None, "bad": fail})
    after = scrape()
    for job, outcome in (("good", "done"), ("bad", "failed")):
        name = ("tokendesk_worker_jobs_total", *sorted((job, outcome)))
        assert after[name] == before.get(name, 0) + 1


def test_what_waits_is_read_from_the_database(scrape):
    found = scrape()
    assert found[("tokendesk_database_up",)] == 1
    assert ("tokendesk_worker_silence_seconds",) not in found
    make_request()
    WorkerHeartbeat.beat("here:1")
    WorkerHeartbeat._get_collection().update_one({}, {"$set": {"at": clock.now() - timedelta(seconds=90)}})
    found = scrape()
    assert found[("tokendesk_requests_pending",)] == 1
    assert 90 <= found[("tokendesk_worker_silence_seconds",)] < 120
    for name in (
        "due_late",
        "due_failed",
        "deliveries_late",
        "deliveries_dead",
        "ledger_late",
        "audit_late",
        "anchor_lag_seconds",
    ):
        assert found[(f"tokendesk_{name}",)] == 0


def test_each_figure_of_what_waits_comes_from_an_index(app):
    for name, queries in backlog.queries().items():
        for collection, condition in queries:
            count = {"count": collection.name, "query": condition, "limit": backlog.MOST}
            # Of the bounds that it shows some are no times that Python knows.
            plan = get_db().command(
                "explain", count, codec_options=CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
            )
            assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), (name, collection.name)


def test_series_stay_few(app, client, scrape):
    routes = {rule.rule for rule in app.url_map.iter_rules()} | {"none"}
    # Other tests have counted in this process, with apps of their own.
    before = set(scrape())
    for path in ("/requests/1", "/requests/2", "/nobody/knows/this", "/requests/\u2603"):
        client.open(path, method="BREW")
        client.get(path)
    counted = {sample for sample in set(scrape()) if sample[0] == "tokendesk_http_requests_total"}
    new = {label for sample in counted - before for label in sample[1:] if label.startswith("/") or label.isalpha()}
    assert new <= routes | metrics.METHODS | {"other"}
    assert "other" in {label for sample in counted for label in sample}


def test_processes_that_share_a_folder_count_together(app, monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    # Two processes: this one's child, and its own.
    program = "import os; from app import metrics; child = os.fork(); "
    program += "metrics.job('a job', 'done'); metrics.step('quota', 'approved'); child and os.wait()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)  # noqa: S603
    assert len(list(tmp_path.glob("counter_*.db"))) == 2
    found = samples(generate_latest(scrape_module.registry(app)).decode())
    assert found[("tokendesk_worker_jobs_total", "a job", "done")] == 2
    assert found[("tokendesk_request_steps_total", "approved", "quota")] == 2
    assert found[("tokendesk_database_up",)] == 1


def test_a_worker_shows_them_to_its_own_machine(app, monkeypatch, caplog):
    monkeypatch.setitem(app.config, "METRICS_PORT", free_port())
    servers = []
    start = worker.start_http_server
    monkeypatch.setattr(worker, "start_http_server", lambda *arguments: servers.append(start(*arguments)))
    worker._show_metrics(app)
    worker._show_metrics(app)  # The port is taken: one line, and no more harm than that.
    ((server, thread),) = servers
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        assert samples(httpx2.get(url, trust_env=False).text)[("tokendesk_database_up",)] == 1
        assert server.server_address[0] == "127.0.0.1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def gunicorn(monkeypatch):
    """What gunicorn reads from its file, with these in the environment."""

    def read(**environment):
        for name in {*config.Production.model_fields, "PROMETHEUS_MULTIPROC_DIR"}:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(config.Production, "model_config", {**config.Production.model_config, "env_file": None})
        monkeypatch.setattr(sys, "path", [*sys.path])
        return runpy.run_path(str(ROOT / "gunicorn.conf.py"))

    return read


SAFE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "x" * 40,
    "MONGODB_URI": "mongodb://localhost/tokendesk",
    "PUBLIC_URL": "https://desk.example.com",
}


def test_gunicorn_lists_unsafe_settings_and_does_not_start(gunicorn):
    with pytest.raises(SystemExit) as end:
        gunicorn(ENVIRONMENT="production", METRICS_KEY="short")
    lines = str(end.value).splitlines()
    assert lines[0] == "Tokendesk cannot start with these settings:"
    assert {line.split()[1] for line in lines[1:]} == {"SECRET_KEY", "MONGODB_URI", "PUBLIC_URL", "METRICS_KEY"}


def test_gunicorn_makes_a_folder_to_count_in_and_removes_it(gunicorn, monkeypatch, tmp_path):
    found = gunicorn(**SAFE)
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    assert folder.stat().st_mode & 0o777 == 0o700
    # Read again by the same process, as at a reload, and by another that takes its place.
    assert gunicorn(**SAFE, PROMETHEUS_MULTIPROC_DIR=str(folder))["threads"] == 32
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(folder)
    other = gunicorn(**SAFE, PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "tokendesk-metrics-1-abc"))
    others = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    other["on_exit"](None)
    assert (folder.exists(), others.exists()) == (True, False)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    found["on_exit"](None)
    assert not folder.exists()
    # One that the operator has named is the operator's.
    named = gunicorn(**SAFE, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    named["on_exit"](None)
    assert tmp_path.exists()


def test_gunicorns_own_lines_are_json_in_production(gunicorn):
    handler = logging.StreamHandler(io.StringIO())
    gunicorn(**SAFE, PROMETHEUS_MULTIPROC_DIR="/nowhere")["on_starting"](
        SimpleNamespace(log=SimpleNamespace(error_log=SimpleNamespace(handlers=[handler])))
    )
    handler.handle(logging.LogRecord("gunicorn.error", logging.WARNING, "file", 1, "Worker %s died", (7,), None))
    assert json.loads(handler.stream.getvalue())["event"] == "Worker 7 died"
