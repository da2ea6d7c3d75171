"""Pages and worker that start before their database: they say so, wait, and serve as soon as it is there."""

import json
import subprocess
import sys

import httpx2
import pytest

from app import embedded_mongo
from tests.factories import PASSWORD
from tests.faults.deployment import ROOT, Deployment, Kind
from tests.processes import wait_until
from tests.serving import START_SECONDS

PROGRAMS = (Kind.WEB, Kind.WORKER)


@pytest.mark.long
def test_what_starts_before_its_database_serves_once_that_is_there(tmp_path):
    folder = tmp_path / "mongo"
    uri = embedded_mongo.uri(folder, "tokendesk")
    environment = {"PATH": "/usr/bin:/bin", "MONGODB_URI": uri, "SECRET_KEY": "x" * 40}

    def run(*words, **options):
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
        options |= {"cwd": ROOT, "env": environment, "check": True, "capture_output": True}
        return subprocess.run(command, **options).stdout  # noqa: PLW1510, S603

    with embedded_mongo.running(folder):
        run("db", "init")
    deployment = Deployment(tmp_path, uri, environment, [])

    def get(path):
        return httpx2.get(f"{deployment.url}{path}", timeout=20, trust_env=False)

    def lives():
        try:
            return get("/healthz").is_success
        except httpx2.TransportError:
            return False

    try:
        for kind in PROGRAMS:
            deployment.start(kind)
        wait_until(lives, START_SECONDS)
        page = get("/catalogue")
        assert (page.status_code, "Refresh" in page.headers) == (503, True)
        assert "tries again by itself" in page.text
        assert get("/readyz").status_code == 503
        log = tmp_path / f"{Kind.WORKER} 0.log"
        wait_until(lambda: "database_away" in log.read_text(), START_SECONDS)
        with embedded_mongo.running(folder):
            wait_until(lambda: get("/readyz").is_success, START_SECONDS)
            assert get("/catalogue").status_code == 200
            assert all(deployment.at_work(kind) for kind in PROGRAMS)
            run("users", "create", "ann@example.com", "--password-stdin", input=f"{PASSWORD}\n".encode())
            run("quota", "add-bonus", "ann@example.com", "500", "--reason", "A prize")

            def all_sealed():
                proven = json.loads(run("audit", "verify", "--json"))
                return proven["sealed"] and not proven["waiting"]

            # By the worker, which had begun without a database.
            wait_until(all_sealed, START_SECONDS)
            assert run("ledger", "verify").startswith(b"1 accounts")
    finally:
        deployment.stop()
