"""`flask db`."""

import pytest

from app import migrations
from app.models.user import User


@pytest.fixture
def run(app):
    return lambda *arguments: app.test_cli_runner().invoke(args=["db", *arguments])


def test_init_may_be_repeated(run):
    for _ in range(2):
        result = run("init")
        assert (result.exit_code, result.stdout) == (0, "The database is ready.\n")


def test_check_is_quiet_about_a_database_as_it_should_be(run):
    assert run("check").stdout == "The database is as it should be.\n"
    assert run("check", "--json").stdout == "[]\n"


def test_check_says_what_is_missing_and_init_mends_it(run):
    User._get_collection().drop_index("email_1")
    result = run("check")
    assert (result.exit_code, result.stdout) == (1, "index email_1 of users is missing\n")
    run("init")
    assert run("check").exit_code == 0


def test_migrate_with_nothing_to_do_says_so(run):
    assert run("migrate").stdout == "0 migrations done.\n"


def test_a_database_that_another_process_prepares_is_no_traceback(run, monkeypatch):
    def locked():
        raise migrations.Locked("Another process has been preparing the database.")

    monkeypatch.setattr(migrations, "alone", locked)
    for verb in ("init", "migrate"):
        result = run(verb)
        assert result.exit_code == 1
        assert "Another process" in result.stderr
