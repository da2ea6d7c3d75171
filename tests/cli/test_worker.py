"""`flask worker`: every job gets its turn, whatever the others do."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from pymongo.errors import AutoReconnect

from app import clock
from app.cli import worker
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import review, webhooks
from tests.factories import OPERATOR, make_request
from tests.mail_server import mail_server
from tests.serving import ROOT
from tests.webhook_receiver import receiver


@pytest.fixture
def run_once(app):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield lambda: app.test_cli_runner().invoke(args=["worker", "--once"])
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def done(monkeypatch):
    """The jobs replaced by ones that note their turn; `done.jobs[name] = …` makes one of them fail."""

    class Done(list):
        jobs = {name: lambda name=name: done.append(name) for name in worker.JOBS}

    done = Done()
    monkeypatch.setattr(worker, "JOBS", done.jobs)
    return done


def fail(error):
    raise error


def test_one_round_does_every_job_and_leaves_a_sign_of_life(run_once, done):
    assert run_once().exit_code == 0
    assert done == list(worker.JOBS)
    newest = WorkerHeartbeat.newest()
    assert newest.at > clock.now() - timedelta(seconds=30)
    assert newest.id.endswith(f":{os.getpid()}")


def test_the_real_jobs_find_nothing_to_do_in_an_empty_database(run_once):
    assert run_once().exit_code == 0


def test_the_real_jobs_send_what_waits(app, run_once, monkeypatch):
    with mail_server(app, monkeypatch) as server, receiver() as there:
        monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
        webhooks.create(url=there.url, events=["request.decided"], by=OPERATOR)
        review.reject(make_request(), response="Not now.", by=OPERATOR)
        assert run_once().exit_code == 0
        assert [sent["Subject"] for sent in server.mails] == ["Your request #1 was not approved."]
        assert len(there.told) == 1


def test_a_job_that_fails_does_not_stop_the_others(run_once, done, caplog):
    done.jobs["due"] = lambda: fail(ValueError("a defect"))
    assert run_once().exit_code == 1
    assert done == list(worker.JOBS)[1:]
    assert "job_failed" in caplog.text


def test_a_database_that_is_away_ends_the_round_only(run_once, done, caplog):
    done.jobs["ledger"] = lambda: fail(AutoReconnect("gone"))
    assert run_once().exit_code == 1
    assert done == ["due"]
    assert "database_away" in caplog.text


def test_asked_to_end_it_finishes_the_job_that_it_has_begun(app, run_once, done):
    def asked_meanwhile():
        signal.raise_signal(signal.SIGTERM)
        done.append("ledger")

    done.jobs["ledger"] = asked_meanwhile
    assert app.test_cli_runner().invoke(args=["worker"]).exit_code == 0
    assert done == ["due", "ledger"]


def test_a_server_of_others_that_is_slow_holds_up_nothing_else(app, run_once, done, monkeypatch):
    is_asked, answers = threading.Event(), threading.Event()

    def slow():
        is_asked.set()
        assert answers.wait(10)
        done.append("mail")

    def meanwhile():
        assert is_asked.wait(10)
        done.append("due")
        signal.raise_signal(signal.SIGTERM)
        answers.set()

    monkeypatch.setattr(worker, "OUTSIDE", {"mail": slow})
    done.jobs["due"] = meanwhile
    assert app.test_cli_runner().invoke(args=["worker"]).exit_code == 0
    assert done == ["due", "mail"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_a_database_it_goes_on_until_it_is_asked_to_end(tmp_path, number):
    environment = {**os.environ, "MONGODB_URI": "mongodb://127.0.0.1:9/tokendesk?timeoutMS=200"}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr
        assert "worker_started" in process.stderr.readline()
        assert "database_away" in process.stderr.readline()
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 0
