"""`flask serve` from the outside: what it starts, what it survives, and that nothing is left of it."""

import os
import signal
import socket
import stat
import time
from contextlib import ExitStack

import pytest

from app import embedded_mongo
from tests.processes import descendants, is_alive, wait_until
from tests.serving import Server, serving


def test_it_starts_everything_and_leaves_nothing(tmp_path):
    with serving(tmp_path / "instance") as server:
        assert "for trial and development only" in server.output
        assert server.get("/readyz").status_code == 200
        for name in ("secret_key", "demo-accounts.txt"):
            assert stat.S_IMODE((server.folder / name).stat().st_mode) == 0o600
        for email, password in server.accounts().items():
            assert email in server.output
            assert password in server.output
        started = descendants(server.process.pid)
        assert len(started) >= 4
        # The web processes and the worker count together.
        assert len(list((server.folder / "metrics").glob("counter_*.db"))) >= 2
        assert server.stop(signal.SIGINT) == 0
        assert not any(map(is_alive, started))
        key = (server.folder / "secret_key").read_text()

    with serving(server.folder) as again:
        # The accounts are there from before: no second seed, and no password in the output of a later day.
        assert "Sign in as" not in again.output
        assert "demo-accounts.txt" in again.output
        assert (server.folder / "secret_key").read_text() == key
        started = descendants(again.process.pid)
        assert again.stop(signal.SIGTERM) == 0
        assert not any(map(is_alive, started))


@pytest.mark.long
def test_killed_it_leaves_no_process_and_starts_again(tmp_path):
    with serving(tmp_path / "instance") as server:
        started = descendants(server.process.pid)
        server.stop(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, started)))
    with serving(server.folder) as again:
        assert again.get("/readyz").status_code == 200


@pytest.mark.long
def test_a_part_that_dies_ends_the_rest(tmp_path):
    with serving(tmp_path / "instance") as server:
        started = descendants(server.process.pid)
        os.kill(server.part("wsgi worker"), signal.SIGKILL)
        assert server.end() == 128 + signal.SIGKILL
        assert "flask worker has ended; so does the rest." in server.output
        assert not any(map(is_alive, started))


@pytest.mark.long
def test_without_its_own_mongodb_it_ends(tmp_path):
    with serving(tmp_path / "instance") as server:
        started = descendants(server.process.pid)
        os.kill(server.part("mongod"), signal.SIGKILL)
        assert server.end() == 128 + signal.SIGKILL
        assert "mongod has ended; so does the rest." in server.output
        assert not any(map(is_alive, started))


@pytest.fixture
def own_mongo(tmp_path):
    """A MongoDB that somebody else runs: its address, and a function that starts it, the second time again."""
    folder = tmp_path / "elsewhere"
    with ExitStack() as stack:

        def start():
            stack.close()
            return stack.enter_context(embedded_mongo.running(folder))

        yield embedded_mongo.uri(folder, "tokendesk"), start


def test_a_database_lost_on_the_way_is_a_503_page_and_the_app_recovers_by_itself(tmp_path, own_mongo):
    uri, start = own_mongo
    mongod = start()
    with serving(tmp_path / "instance", MONGODB_URI=uri) as server, server.browser() as browser:
        assert "Sign in as" not in server.output
        server.make_user("ann@example.com")
        server.sign_in(browser, "ann@example.com")
        assert browser.get("/account").status_code == 200

        mongod.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        frozen = browser.get("/account")
        assert frozen.status_code == 503
        assert time.monotonic() - started < 15
        mongod.send_signal(signal.SIGCONT)
        wait_until(lambda: browser.get("/account").status_code == 200)

        mongod.kill()
        mongod.wait()
        gone = browser.get("/account")
        assert gone.status_code == 503
        assert gone.headers["Refresh"]
        assert "tries again by itself" in gone.text
        assert browser.get("/healthz").status_code == 200
        assert browser.get("/readyz").status_code == 503
        started = time.monotonic()
        assert browser.post("/sign-out", data={"csrf_token": "x"}).status_code == 503
        assert time.monotonic() - started < 15

        start()
        wait_until(lambda: browser.get("/account").status_code == 200)
        assert browser.get("/readyz").status_code == 200
        assert server.process.poll() is None


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        server = Server(tmp_path / "instance")
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        assert server.end() == 1
    assert f"Port {server.port} cannot be used" in server.output
    assert "Traceback" not in server.output


@pytest.mark.long
def test_a_second_one_in_the_same_folder_says_so(tmp_path):
    with serving(tmp_path / "instance") as server:
        second = Server(server.folder)
        assert second.end() == 1
        assert f"Process {server.process.pid} runs a MongoDB" in second.output
        assert server.get("/readyz").status_code == 200


def test_a_mongodb_that_does_not_answer_is_named_without_its_password(tmp_path):
    server = Server(tmp_path / "instance", MONGODB_URI="mongodb://ann:hush-hush@127.0.0.1:9/tokendesk")
    assert server.end() == 1
    assert "MongoDB does not answer at 127.0.0.1:9" in server.output
    assert "hush-hush" not in server.output
    assert "Traceback" not in server.output


def test_bad_settings_are_all_listed(tmp_path):
    server = Server(tmp_path / "instance", ENVIRONMENT="production", DEFAULT_TIER="gold")
    assert server.end() == 1
    for name in ("SECRET_KEY", "MONGODB_URI", "PUBLIC_URL", "DEFAULT_TIER"):
        assert f"  - {name}" in server.output
    assert "Traceback" not in server.output
