"""Pages and worker that start before their database: they say so, wait, and serve as soon as it is there."""

import subprocess
import sys

import httpx2
import pytest

from app import embedded_mongo
from tests.faults.deployment import ROOT, Deployment, Kind
from tests.processes import wait_until
from tests.serving import START_SECONDS

PROGRAMS = (Kind.WEB, Kind.WORKER)


@pytest.mark.long
def test_what_starts_before_its_database_serves_once_that_is_there(tmp_path):
    folder = tmp_path / "mongo"
    uri = embedded_mongo.uri(folder, "tokendesk")
    environment = {"PATH": "/usr/bin:/bin", "MONGODB_URI": uri, "SECRET_KEY": "x" * 40}
    with embedded_mongo.running(folder):
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "init"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)  # noqa: S603
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
    finally:
        deployment.stop()
