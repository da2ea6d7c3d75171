"""`flask db dump` and `flask db restore`: nothing is lost, nothing is half there, and nothing is overwritten unasked."""

import gzip
import json
import stat
from collections import defaultdict
from itertools import count

import pymongo
import pytest
from bson import decode_all, encode
from mongoengine import connect, disconnect
from mongoengine.connection import get_db
from pymongo.monitoring import CommandListener

from app import database_dump, database_restore, db, migrations
from app.cli import db_copies
from app.models.user import User
from app.services import audit_sealing, audit_verify, ledger_verify, review, token_accounts
from tests.chatting import make_talker, say
from tests.factories import OPERATOR, make_request, make_user
from tests.killing import Killer, run_and_kill


@pytest.fixture
def run(app):
    return lambda *arguments, **options: app.test_cli_runner().invoke(args=["db", *map(str, arguments)], **options)


@pytest.fixture
def elsewhere(mongodb_uri):
    """`elsewhere()` goes on with another, empty database of the same server."""
    other = f"{get_db().name}_restored"

    def move():
        disconnect()
        connect(host=mongodb_uri.replace(get_db_name(mongodb_uri), other), **db.CLIENT_OPTIONS)

    yield move
    get_db().client.drop_database(other)
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS)


def get_db_name(uri):
    return uri.rpartition("/")[2].partition("?")[0]


def everything():
    """All documents of all collections that are copied, as the database keeps them."""
    return {name: database_dump.part_of(name, progress=lambda _n: None) for name in database_dump.names()}


def some_history():
    talker = make_talker()
    say(talker)
    token_accounts.spend(talker.id, 700, by=OPERATOR, key="k")
    token_accounts.hold(talker.id, 70, by=OPERATOR)
    review.approve(make_request(used=100), by=OPERATOR)


def test_what_was_dumped_comes_back_byte_for_byte_and_is_proved(run, elsewhere, tmp_path):
    some_history()
    folder, before = tmp_path / "dump", everything()
    dumped = run("dump", folder)
    assert dumped.exit_code == 0, dumped.output
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    users = decode_all(gzip.decompress((folder / "users.bson.gz").read_bytes()))
    assert {one["email"] for one in users} == set(User.objects.scalar("email"))

    elsewhere()
    assert database_restore.is_empty()
    restored = run("restore", folder, "--check")
    assert restored.exit_code == 0, restored.output
    assert "accounts, each as its entries make it" in restored.stdout
    # The catalogue of the structure's own notes is made anew, and says that nothing is left to do.
    assert everything() == before
    assert db.check() == []
    assert db.not_ready() is None
    assert not database_restore.is_empty()
    declined = run("restore", folder, input="n\n")
    assert (declined.exit_code, everything()) == (1, before)


def test_it_is_one_moment_whatever_is_written_meanwhile(tmp_path):
    some_history()
    user, before = make_user(), everything()
    token_accounts.spend(user.id, 1, by=OPERATOR)
    before, wrote = everything(), []

    def write(_count):
        if not wrote:
            wrote.append(token_accounts.spend(user.id, 7, by=OPERATOR))
            make_user()

    manifest = database_dump.dump(tmp_path / "dump", progress=write)
    assert wrote
    assert manifest.parts == before
    assert everything() != before


def test_a_document_that_differs_is_found(tmp_path):
    some_history()
    manifest = database_dump.dump(tmp_path / "dump", progress=lambda _n: None)
    assert database_restore.differences(manifest, progress=lambda _n: None) == []
    User._get_collection().update_one({}, {"$set": {"name": "Somebody else"}})
    (difference,) = database_restore.differences(manifest, progress=lambda _n: None)
    assert difference.startswith("users: ")


def test_what_is_no_whole_dump_is_refused_before_anything_is_touched(run, tmp_path):
    some_history()
    folder, before = tmp_path / "dump", everything()
    database_dump.dump(folder, progress=lambda _n: None)
    file, manifest = folder / "users.bson.gz", folder / "manifest.json"
    whole, said = file.read_bytes(), json.loads(manifest.read_text())
    users = gzip.decompress(whole)

    def refused(words):
        result = run("restore", folder, "--yes")
        assert (result.exit_code, everything() == before) == (1, True), result.output
        assert words in result.stderr, result.stderr
        assert "Traceback" not in result.output

    for content, words in (
        (whole[:-20], "cannot be read"),
        (whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], "cannot be read"),
        (gzip.compress(users[:-3]), "cannot be read"),
        (gzip.compress(b"\x01\x00\x00\x00"), "cannot be read"),
        (gzip.compress(users + encode({"_id": "one more"})), "damaged"),
        (gzip.compress(b""), "damaged"),
    ):
        file.write_bytes(content)
        refused(words)
    file.unlink()
    refused("cannot be read")
    file.write_bytes(whole)
    for changed in ({"format": 2}, {"migrations": ["m2099_01_01_later"]}):
        manifest.write_text(json.dumps({**said, **changed}))
        refused("newer version")
    manifest.write_text("{")
    refused("no dump")
    manifest.unlink()
    refused("no dump")


def test_a_dump_that_was_broken_off_has_no_manifest_and_its_folder_is_not_used_again(run, tmp_path):
    make_user()

    def fail(_count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database_dump.dump(tmp_path, progress=fail)
    assert not (tmp_path / "manifest.json").exists()
    result = run("dump", tmp_path)
    assert (result.exit_code, "is not empty" in result.stderr) == (1, True)


def test_a_database_of_an_older_version_is_migrated_first(run, tmp_path, monkeypatch):
    monkeypatch.setattr(migrations, "pending", lambda: ["m2026_01_01_first"])
    result = run("dump", tmp_path / "dump")
    assert (result.exit_code, "flask db init" in result.stderr) == (1, True)


def test_a_restore_that_was_killed_anywhere_is_taken_for_nothing_until_it_was_repeated(
    run, client, mongodb_uri, elsewhere, tmp_path, monkeypatch
):
    some_history()
    folder, before = tmp_path / "dump", everything()
    manifest = database_dump.dump(folder, progress=lambda _n: None)
    elsewhere()
    db.prepare()
    make_user()
    monkeypatch.setattr(database_restore, "BATCH", 1)
    uri = mongodb_uri.replace(get_db_name(mongodb_uri), get_db().name)

    def restore():
        database_restore.load(folder, manifest, progress=lambda _n: None)

    # After the note was made; before and after old data goes; among new data; before the note is removed.
    for command, nth in (
        ("update", 2),
        ("delete", 1),
        ("drop", 1),
        ("drop", 2),
        ("insert", 1),
        ("insert", 6),
        ("delete", 3),
    ):
        assert run_and_kill(uri, Killer(nth, command), restore), command
        for verb in (("init",), ("migrate",), ("dump", tmp_path / "another")):
            result = run(*verb)
            assert result.exit_code == 1, (command, nth, verb)
            assert "repeat `flask db restore`" in result.stderr
        response = client.get("/readyz")
        assert (response.status_code, "repeat `flask db restore`" in response.text) == (503, True)
        assert "repeat `flask db restore`" in run("check").stdout

    result = run("restore", folder, "--check", "--yes")
    assert result.exit_code == 0, result.output
    assert (everything(), db.check()) == (before, [])
    assert client.get("/readyz").status_code == 200
    assert run("init").exit_code == 0


class Limits(CommandListener):
    """The time that each command was given, in milliseconds, by its name and collection."""

    def __init__(self):
        self.given = defaultdict(list)

    def started(self, event):
        of = str(event.command[event.command_name])
        self.given[event.command_name, of].append(event.command.get("maxTimeMS", 0))

    def succeeded(self, event):
        """Nothing to note."""

    def failed(self, event):
        """Nothing to note."""


@pytest.fixture
def limits(mongodb_uri):
    """What each command of this process is given, on a connection of its own."""
    heard = Limits()
    disconnect()
    connect(host=mongodb_uri, event_listeners=[heard], **db.CLIENT_OPTIONS)
    yield heard
    disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS)


@pytest.fixture
def told_apart(monkeypatch):
    """Each deadline of slow work is some hours later than the one before it, so that commands show which of them is theirs."""
    numbers = count(1)
    monkeypatch.setattr(db, "slow", lambda: pymongo.timeout(next(numbers) * 7_200))


def of_their_own(limits, command, *collections):
    """How many such commands there were, and how many deadlines of slow work they had between them."""
    chosen = [given for (name, of), given in limits.given.items() if name == command and of in (collections or (of,))]
    every = [limit for given in chosen for limit in given]
    slow = {round(limit / 3_600_000) for limit in every if limit > db.OPERATION_SECONDS * 1_000}
    return len(every), len(slow)


def test_however_long_a_dump_and_a_restore_take_only_their_parts_have_a_deadline(
    run, limits, told_apart, tmp_path, monkeypatch
):
    some_history()
    limits.given.clear()
    assert run("dump", tmp_path / "dump").exit_code == 0
    assert of_their_own(limits, "find", "users", "token_accounts", "ledger_entries") == (3, 3)

    def think(_question, *, yes):
        limits.given.clear()
        db.ping()

    monkeypatch.setattr(db_copies, "ask", think)
    monkeypatch.setattr(database_restore, "BATCH", 1)
    result = run("restore", tmp_path / "dump")
    assert result.exit_code == 0, result.output
    # Whoever is asked may take their time: no deadline stands meanwhile.
    pings, deadlines = of_their_own(limits, "ping")
    assert pings > deadlines == 0
    for command in ("drop", "insert", "createIndexes"):
        commands, deadlines = of_their_own(limits, command)
        assert commands == deadlines > 9, command
    limits.given.clear()
    manifest = database_restore.read_manifest(tmp_path / "dump")
    assert database_restore.differences(manifest, progress=lambda _n: None) == []
    assert of_their_own(limits, "find") == (len(manifest.parts), len(manifest.parts))


def test_each_part_of_a_verification_has_its_own_deadline(app, limits, told_apart, monkeypatch):
    some_history()
    audit_sealing.seal_waiting()
    monkeypatch.setattr(ledger_verify, "CHUNK", 1)
    monkeypatch.setattr(audit_verify, "CHUNK", 1)
    for noun, chunks, collections in (
        ("ledger", ledger_verify.count(), ("token_accounts", "ledger_entries")),
        ("audit", audit_verify.count(), ("audit_events", "audit_seals")),
    ):
        assert chunks > 1
        limits.given.clear()
        result = app.test_cli_runner().invoke(args=[noun, "verify"])
        assert result.exit_code == 0, result.output
        for collection in collections:
            assert of_their_own(limits, "find", collection)[1] >= chunks, collection
