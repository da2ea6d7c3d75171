"""Preparing the database: validators, indexes, migrations, and the report of what differs."""

import importlib
import pkgutil
from datetime import timedelta

import pytest
from mongoengine import Document
from mongoengine.connection import get_db
from pymongo.errors import WriteError

import app.models
from app import clock, db, migrations
from app.models.token_account import TokenAccount
from app.models.user import User


@pytest.fixture(autouse=True)
def whole_again():
    """Whatever a test breaks is mended after it."""
    yield
    for name in ("probes", "obstacles"):
        get_db().drop_collection(name)
    get_db()[migrations.COLLECTION].delete_one({"_id": migrations.LOCK})
    for document in db.DOCUMENTS:
        document._get_collection().drop_indexes()
    db.ensure_structure()


def test_a_prepared_database_is_as_this_code_expects():
    assert db.check() == []


def test_every_document_class_is_prepared():
    for module in pkgutil.iter_modules(app.models.__path__):
        importlib.import_module(f"app.models.{module.name}")
    waiting = list(Document.__subclasses__())
    while waiting:
        document = waiting.pop()
        waiting += document.__subclasses__()
        if document.__module__.startswith("app."):
            assert document._meta.get("auto_create_index") is False, document
            assert document._meta.get("index_cls") is False or not document._meta.get("allow_inheritance"), document
            names = {f"{document._get_collection_name()}.{index.document['name']}" for index in db._indexes(document)}
            assert names <= db._index_names(), document
            assert document._get_collection_name() in {known._get_collection_name() for known in db.DOCUMENTS}


def test_what_differs_is_named():
    users, accounts = User._get_collection(), TokenAccount._get_collection()
    users.drop_index("email_1")
    users.create_index("name")
    accounts.drop_indexes()
    accounts.create_index("drain_at", name="drain_at_1", unique=True)
    get_db().command("collMod", "token_accounts", validator={})
    found = set(db.check())
    users.drop_index("name_1")
    assert {
        "index email_1 of users is missing",
        "index name_1 of users is not known here",
        "index drain_at_1 of token_accounts has other options",
        "validator of token_accounts differs",
    } <= found


def test_an_index_that_cannot_be_changed_in_place_is_named():
    accounts = TokenAccount._get_collection()
    accounts.drop_indexes()
    accounts.create_index("drain_at", name="drain_at_1", unique=True)
    with pytest.raises(db.StructureConflict, match=r"token_accounts: .*drain_at_1"):
        db.ensure_structure()


def test_validators_refuse_what_the_rules_would_never_write():
    with pytest.raises(WriteError, match="failed validation"):
        TokenAccount._get_collection().insert_one({"balance": -1})


def test_two_may_prepare_at_once(threads):
    for document in db.DOCUMENTS:
        document._get_collection().drop_indexes()
    assert threads(lambda _: db.prepare(), 4) == [[]] * 4
    assert db.check() == []


@pytest.fixture
def migration(tmp_path, monkeypatch):
    """One migration, which counts its runs in the database and fails while there is a collection `obstacles`."""
    name = "m2026_01_01_probe"
    (tmp_path / f"{name}.py").write_text(
        "from mongoengine.connection import get_db\n"
        "def run():\n"
        "    get_db().probes.insert_one({})\n"
        "    if get_db().obstacles.find_one(): raise ValueError\n"
    )
    monkeypatch.setattr(migrations, "__path__", [str(tmp_path)])
    yield name
    get_db()[migrations.COLLECTION].delete_one({"_id": name})


def test_a_migration_runs_once_and_is_recorded(migration):
    assert db.check() == [f"migration {migration} has not run"]
    assert db.prepare() == [f"migrated: {migration}"]
    assert db.prepare() == []
    assert db.check() == []
    assert get_db().probes.count_documents({}) == 1


def test_many_who_start_at_once_run_a_migration_once(migration, threads):
    outcomes = threads(lambda _: db.prepare(), 4)
    assert sorted(map(len, outcomes)) == [0, 0, 0, 1]
    assert get_db().probes.count_documents({}) == 1


def test_a_migration_that_was_broken_off_is_run_again(migration):
    get_db().obstacles.insert_one({})
    with pytest.raises(ValueError):
        db.prepare()
    assert migrations.pending() == [migration]
    get_db().obstacles.drop()
    assert db.prepare() == [f"migrated: {migration}"]
    assert get_db().probes.count_documents({}) == 2


def test_whoever_waits_too_long_for_the_lease_says_so(monkeypatch):
    lease = {"until": clock.now() + timedelta(minutes=1), "holder": "somebody:1"}
    get_db()[migrations.COLLECTION].replace_one({"_id": migrations.LOCK}, lease, upsert=True)
    monkeypatch.setattr(migrations, "WAIT_SECONDS", 0)
    with pytest.raises(migrations.Locked, match="Another process"):
        db.prepare()


def test_a_lease_whose_holder_died_is_taken_over():
    lease = {"until": clock.now() - timedelta(seconds=1), "holder": "somebody:1"}
    get_db()[migrations.COLLECTION].replace_one({"_id": migrations.LOCK}, lease, upsert=True)
    assert db.prepare() == []
