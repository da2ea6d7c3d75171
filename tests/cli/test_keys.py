"""`flask keys`, as an operator types it."""

import json
from datetime import timedelta

import pytest
from bson import ObjectId
from click.testing import Result
from flask import Flask

from app import clock
from app.models.api_key import ApiKey
from app.models.audit_event import AuditEvent
from app.services import api_keys, user_changes
from tests.factories import OPERATOR, make_admin, make_user


@pytest.fixture
def flask(app: Flask):
    """Runs `flask keys …` with `stdin`."""

    def run(*words: str, stdin: str = "") -> Result:
        return app.test_cli_runner().invoke(args=["keys", *words], input=stdin)

    return run


def make(owner, *scopes, **values):
    return api_keys.create(owner.id, name="A program", scopes=scopes or ["self"], by=OPERATOR, **values)


class TestCreate:
    def test_the_secret_stands_alone_on_the_standard_output(self, flask):
        ann = make_user("ann@example.com")
        result = flask(
            "create", "ann@example.com", "--name", "Our product", "--scope", "usage.write", "--scope", "self"
        )
        assert result.exit_code == 0
        api_key, owner = api_keys.find(result.stdout.removesuffix("\n"))
        assert (owner.id, api_key.name, api_key.scopes) == (ann.id, "Our product", ["self", "usage.write"])
        assert api_key.expires_at is None
        assert "nobody can tell it again" in result.stderr
        assert str(api_key.id) in result.stderr
        assert AuditEvent.objects.get(action="key.create").actor["kind"] == "cli"

    def test_it_prints_json_for_programs(self, flask):
        make_user("ann@example.com")
        result = flask("create", "ann@example.com", "--name", "x", "--scope", "self", "--days", "30", "--json")
        facts = json.loads(result.stdout)
        assert api_keys.find(facts["secret"])[0].prefix == facts["prefix"]
        assert (facts["owner"], facts["scopes"], facts["state"]) == ("ann@example.com", ["self"], "active")
        assert facts["expires_at"].endswith("Z")
        assert result.stderr == ""
        expires_at = ApiKey.objects.get().expires_at
        assert round((expires_at - clock.now()) / timedelta(days=1)) == 30

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (["nobody@example.com", "--name", "x", "--scope", "self"], 1, "There is no such user."),
            (["ann@example.com", "--name", "x", "--scope", "users.read"], 1, "its owner may not: users.read"),
            (["ann@example.com", "--name", " ", "--scope", "self"], 1, "name: Must not be empty."),
            (["ann@example.com", "--name", "x", "--scope", "all"], 2, "'all' is not one of 'self',"),
            (["ann@example.com", "--name", "x"], 2, "Missing option '--scope'"),
            (["ann@example.com", "--scope", "self"], 2, "Missing option '--name'"),
            (["ann@example.com", "--name", "x", "--scope", "self", "--days", "0"], 2, "0 is not in the range"),
            (["ann@example.com", "--name", "x", "--scope", "self", "--days", "99999999999"], 2, "not in the range"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_line_and_nothing_is_made(self, flask, words, code, said):
        make_user("ann@example.com")
        result = flask("create", *words)
        assert result.exit_code == code
        assert said in result.stderr
        assert ApiKey.objects.count() == 0

    def test_a_deactivated_owner_gets_none(self, flask):
        user_changes.deactivate(make_user("ann@example.com").id, by=OPERATOR)
        result = flask("create", "ann@example.com", "--name", "x", "--scope", "self")
        assert (result.exit_code, result.stderr) == (1, "Error: This account is deactivated.\n")


class TestList:
    def test_it_shows_the_newest_first_and_no_secret(self, flask):
        ann, bob = make_user("ann@example.com"), make_user("bob@example.com")
        (first, secret), (second, _) = make(ann), make(bob)
        head, *rows = flask("list").stdout.splitlines()
        assert head.split()[:4] == ["ID", "PREFIX", "NAME", "OWNER"]
        assert [row.split()[0] for row in rows] == [str(second.id), str(first.id)]
        assert "ann@example.com" in rows[1]
        assert secret[:10] in rows[1]
        assert secret not in flask("list", "--json").stdout
        assert first.digest not in flask("list", "--json").stdout

    def test_it_shows_the_keys_of_one_owner_page_by_page(self, flask):
        ann = make_user("ann@example.com")
        make(make_user())
        made = [str(make(ann)[0].id) for _ in range(3)]
        first = json.loads(flask("list", "--owner", "ann@example.com", "--limit", "2", "--json").stdout)
        second = json.loads(flask("list", "--owner", str(ann.id), "--json", "--before", first[-1]["id"]).stdout)
        assert [one["id"] for one in first + second] == made[::-1]

    def test_an_empty_list_says_what_to_do(self, flask):
        assert flask("list").stdout == "No keys yet: flask keys create\n"
        assert flask("list", "--json").stdout == "[]\n"
        assert flask("list", "--owner", "nobody@example.com").exit_code == 1

    def test_a_key_whose_owner_is_gone_is_shown(self, flask):
        ann = make_user()
        make(ann)
        ann.delete()
        assert json.loads(flask("list", "--json").stdout)[0]["owner"] is None


class TestRevoke:
    @pytest.mark.parametrize(("words", "stdin"), [(["--yes"], ""), ([], "y\n")])
    def test_it_ends_the_key_after_asking(self, flask, words, stdin):
        api_key, secret = make(make_user())
        result = flask("revoke", str(api_key.id), *words, stdin=stdin)
        assert result.exit_code == 0
        assert "The key “A program” is revoked." in result.stdout
        assert ("Revoke the key “A program”" in result.stdout) is (words == [])
        assert api_keys.find(secret) is None

    @pytest.mark.parametrize("stdin", ["n\n", "", "\n"])
    def test_without_a_yes_nothing_happens(self, flask, stdin):
        api_key, _ = make(make_user())
        assert flask("revoke", str(api_key.id), stdin=stdin).exit_code == 1
        assert api_keys.get(api_key.id).state == "active"

    def test_a_key_that_there_is_not_is_an_error(self, flask):
        result = flask("revoke", str(ObjectId()), "--yes")
        assert (result.exit_code, result.stderr) == (1, "Error: There is no such API key.\n")
        assert flask("revoke", "x", "--yes").exit_code == 2
        assert flask("revoke", "--yes").exit_code == 2


def test_a_name_cannot_drive_the_terminal(flask):
    api_key, _ = api_keys.create(make_admin().id, name="a\u202eb", scopes=["self"], by=OPERATOR)
    assert "\u202e" not in flask("list").output
    assert "\u202e" not in flask("revoke", str(api_key.id), stdin="n\n").output
