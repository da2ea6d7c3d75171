"""`flask users`, as an operator types it."""

import json

import pytest
from click.testing import Result
from flask import Flask
from pymongo.collection import Collection
from pymongo.errors import ServerSelectionTimeoutError

from app.models.audit_event import AuditEvent
from app.models.domain_error import UserInactive
from app.models.user import User
from app.services import api_keys, passwords, token_accounts, users
from tests.factories import OPERATOR, PASSWORD, make_admin, make_user, sign_in


@pytest.fixture
def flask(app: Flask):
    """Runs `flask …` with `stdin`."""

    def run(*words: str, stdin: str = "") -> Result:
        return app.test_cli_runner().invoke(args=["users", *words], input=stdin)

    return run


class TestCreate:
    def test_it_makes_a_user_who_can_sign_in(self, flask):
        result = flask(
            "create", "Ada@Example.com", "--name", "Ada", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n"
        )
        user = User.objects.get()
        assert (result.exit_code, result.stdout) == (0, f"Created ada@example.com ({user.id}).\n")
        assert (user.name, user.has_any_permission) == ("Ada", True)
        assert passwords.matches(user.password_hash, PASSWORD)
        assert AuditEvent.objects.get().actor["kind"] == "cli"

    def test_it_prints_json_for_programs(self, flask):
        result = flask("create", "ada@example.com", "--tier", "pro", "--password-stdin", "--json", stdin=PASSWORD)
        facts = json.loads(result.stdout)
        assert (facts["email"], facts["tier"], facts["active"], facts["permissions"]) == (
            "ada@example.com",
            "pro",
            True,
            [],
        )
        assert facts["created_at"].endswith("Z")
        assert "argon2" not in result.stdout

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nnot the password\n"])
    def test_the_password_is_the_first_line(self, flask, end):
        assert flask("create", "ada@example.com", "--password-stdin", stdin=PASSWORD + end).exit_code == 0
        assert passwords.matches(User.objects.get().password_hash, PASSWORD)

    @pytest.mark.parametrize(
        ("words", "stdin", "code", "said"),
        [
            (["ada@example.com"], "short\n", 1, "Use between 10 and 200 characters."),
            (["ada@example.com"], "", 1, "Use between 10 and 200 characters."),
            (["ada@example.com"], "password123", 1, "Many people use a password like this."),
            (["no e-mail"], PASSWORD, 1, "Enter an e-mail address"),
            (["ada@example.com", "--tier", "gold"], PASSWORD, 1, "There is no such tier."),
            (["ada@example.com", "--role", "boss"], PASSWORD, 2, "'boss' is not one of 'admin', 'reviewer', 'support'"),
            ([], PASSWORD, 2, "Missing argument 'EMAIL'"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_line_and_nothing_is_made(self, flask, words, stdin, code, said):
        result = flask("create", *words, "--password-stdin", stdin=stdin)
        assert result.exit_code == code
        assert said in result.stderr
        assert "Traceback" not in result.output
        assert User.objects.count() == 0

    def test_an_email_that_is_taken_is_refused(self, flask):
        make_user("ada@example.com")
        result = flask("create", "ADA@example.com", "--password-stdin", stdin=PASSWORD)
        assert (result.exit_code, result.stderr) == (1, "Error: A user with this e-mail address exists already.\n")

    def test_without_a_terminal_it_says_how_to_give_the_password(self, flask):
        result = flask("create", "ada@example.com", stdin=PASSWORD)
        assert result.exit_code == 2
        assert "use --password-stdin" in result.stderr

    def test_there_is_no_option_that_takes_a_password(self, flask):
        result = flask("create", "ada@example.com", "--password", PASSWORD)
        assert result.exit_code == 2
        assert User.objects.count() == 0


class TestList:
    def test_it_shows_the_newest_first(self, flask):
        for email in ("ada@example.com", "bob@example.com", "eve@example.com"):
            make_user(email, name=email[:3].title(), roles=["support"] if email[0] == "a" else [])
        head, *rows = flask("list").stdout.splitlines()
        assert head.split()[:3] == ["ID", "EMAIL", "NAME"]
        assert [row.split()[2] for row in rows] == ["Eve", "Bob", "Ada"]
        assert "users.read" in rows[2]

    def test_json_pages_go_on_where_the_last_one_ended(self, flask):
        made = [str(make_user().id) for _ in range(3)]
        first = json.loads(flask("list", "--limit", "2", "--json").stdout)
        second = json.loads(flask("list", "--json", "--before", first[-1]["id"]).stdout)
        assert [row["id"] for row in first + second] == made[::-1]

    def test_an_empty_list_says_what_to_do(self, flask):
        assert flask("list").stdout == "No users yet: flask users create\n"
        assert flask("list", "--json").stdout == "[]\n"

    @pytest.mark.parametrize("words", [["--limit", "0"], ["--limit", "x"], ["--before", "x"]])
    def test_bad_options_are_usage_errors(self, flask, words):
        assert flask("list", *words).exit_code == 2


class TestShow:
    @pytest.mark.parametrize("by", ["email", "id"])
    def test_it_shows_one_user(self, flask, by):
        user = make_user("ada@example.com", name="Ada")
        result = flask("show", str(user[by]))
        assert result.exit_code == 0
        assert "ada@example.com" in result.stdout
        assert json.loads(flask("show", str(user[by]), "--json").stdout)["name"] == "Ada"

    @pytest.mark.parametrize("reference", ["x", "6b00df2e7986fd79a8ed344e", "nobody@example.com", ""])
    def test_anybody_else_is_an_error(self, flask, reference):
        result = flask("show", reference)
        assert (result.exit_code, result.stderr) == (1, "Error: There is no such user.\n")


class TestWhatEndsSessions:
    """Each of these commands is felt at the user's next request."""

    @pytest.fixture
    def ann(self):
        make_admin()
        return make_user("ann@example.com", roles=["support"])

    @pytest.fixture
    def browser(self, client, ann):
        sign_in(client, ann)
        assert client.get("/account").status_code == 200
        return client

    @pytest.mark.parametrize(
        ("words", "stdin", "said"),
        [
            (["set-password", "ann@example.com", "--password-stdin"], PASSWORD, "has a new password"),
            (["grant-role", "ann@example.com", "reviewer"], "", "ann@example.com holds: requests.review, users.read."),
            (["revoke-role", "ann@example.com", "support"], "", "ann@example.com holds: no permissions."),
            (["deactivate", "ann@example.com", "--yes"], "", "ann@example.com is deactivated."),
            (["deactivate", "ann@example.com"], "y\n", "ann@example.com is deactivated."),
        ],
    )
    def test_the_session_is_dead_at_the_next_request(self, flask, browser, words, stdin, said):
        result = flask(*words, stdin=stdin)
        assert result.exit_code == 0, result.output
        assert said in result.stdout
        assert browser.get("/account").location == "/sign-in?next=/account"

    @pytest.mark.parametrize(
        ("words", "stdin", "code"),
        [
            (["set-password", "ann@example.com", "--password-stdin"], "short", 1),
            (["set-password", "ann@example.com", "--password-stdin"], "", 1),
            (["set-password", "ann@example.com"], PASSWORD, 2),
            (["set-password", "ann@example.com", "--password", PASSWORD], "", 2),
            (["grant-role", "ann@example.com", "support"], "", 0),
            (["grant-role", "ann@example.com", "boss"], "", 2),
            (["grant-role", "ann@example.com"], "", 2),
            (["revoke-role", "nobody@example.com", "support"], "", 1),
            (["deactivate", "ann@example.com"], "n\n", 1),
            (["deactivate", "ann@example.com"], "", 1),
            (["deactivate", "nobody@example.com", "--yes"], "", 1),
            (["confirm-email", "ann@example.com"], "", 0),
        ],
    )
    def test_what_changes_nothing_ends_no_session(self, flask, browser, words, stdin, code):
        assert flask(*words, stdin=stdin).exit_code == code
        assert browser.get("/account").status_code == 200

    def test_the_new_password_is_the_one_to_sign_in_with(self, flask, ann):
        flask("set-password", str(ann.id), "--password-stdin", stdin="another fine password 7\n")
        assert passwords.matches(User.objects.get(id=ann.id).password_hash, "another fine password 7")

    def test_a_key_of_a_deactivated_user_is_refused(self, flask, client, ann):
        _, secret = api_keys.create(ann.id, name="x", scopes=["self"], by=OPERATOR)
        flask("deactivate", "ann@example.com", "--yes")
        with pytest.raises(UserInactive):
            api_keys.find(secret)

    def test_the_last_admin_stays(self, flask):
        make_admin("boss@example.com")
        for words in (["deactivate", "boss@example.com", "--yes"], ["revoke-role", "boss@example.com", "admin"]):
            result = flask(*words)
            assert result.exit_code == 1
            assert "This is the last user who may manage users." in result.stderr
        assert User.objects.get(email="boss@example.com").has_any_permission


class TestActivate:
    def test_a_user_who_was_shut_out_comes_in_again_as_before(self, flask, client):
        ann = make_user("ann@example.com", roles=["support"])
        _key, secret = api_keys.create(ann.id, name="x", scopes=["self"], by=OPERATOR)
        flask("deactivate", "ann@example.com", "--yes")
        result = flask("activate", "ann@example.com")
        assert (result.exit_code, result.stdout) == (0, "ann@example.com is active.\n")
        assert User.objects.get(id=ann.id).permissions == ["users.read"]
        assert api_keys.find(secret)[1].id == ann.id
        event = AuditEvent.objects(action="user.activate").get()
        assert (event.actor["kind"], event.object["id"]) == ("cli", str(ann.id))

    def test_who_is_active_stays_so(self, flask):
        ann = make_user("ann@example.com")
        assert flask("activate", str(ann.id)).stdout == "ann@example.com is active.\n"
        assert AuditEvent.objects(action="user.activate").count() == 0

    def test_nobody_is_an_error(self, flask):
        result = flask("activate", "nobody@example.com")
        assert (result.exit_code, result.stderr) == (1, "Error: There is no such user.\n")


class TestConfirmEmail:
    def test_it_brings_the_tokens_that_waited(self, app, flask, monkeypatch):
        monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
        register = {"password": PASSWORD, "name": "", "locale": "en", "address": None, "request_id": None}
        ann = users.register("ann@example.com", **register)
        assert token_accounts.view(ann.id).available == 100_000
        result = flask("confirm-email", "ann@example.com")
        assert (result.exit_code, result.stdout) == (0, "The address ann@example.com is confirmed.\n")
        assert token_accounts.view(ann.id).available == 150_000

    def test_nobody_is_an_error(self, flask):
        assert flask("confirm-email", "nobody@example.com").exit_code == 1


class TestResetTwoFactor:
    @pytest.fixture
    def ann(self):
        ann = make_user("ann@example.com", password=PASSWORD)
        User.objects(id=ann.id).update(totp_secret="sealed", totp_step=1, recovery_codes=["x"])
        return ann

    def test_it_asks_and_turns_it_off(self, flask, ann):
        assert json.loads(flask("show", "ann@example.com", "--json").stdout)["two_factor"] is True
        assert flask("reset-two-factor", "ann@example.com", stdin="n\n").exit_code == 1
        assert users.get(ann.id).has_two_factor
        result = flask("reset-two-factor", "ann@example.com", "--yes")
        said = "Two-factor sign-in is off for ann@example.com, who is signed out everywhere.\n"
        assert (result.exit_code, result.stdout) == (0, said)
        assert not users.get(ann.id).has_two_factor

    def test_where_it_is_off_it_says_so(self, flask):
        make_user("ann@example.com")
        result = flask("reset-two-factor", "ann@example.com", "--yes")
        assert (result.exit_code, result.stderr) == (1, "Error: Two-factor sign-in is off.\n")


def test_help_has_an_example_for_every_command(flask):
    verbs = ("create", "list", "show", "set-password", "set-tier", "grant-role", "revoke-role")
    verbs += ("deactivate", "activate", "confirm-email", "reset-two-factor")
    for verb in verbs:
        text = flask(verb, "--help").stdout
        assert "Example:" in text
        assert f"flask users {verb}" in text


def test_a_database_that_is_away_is_an_exit_code_of_its_own(flask, monkeypatch):
    def away(*args, **kwargs):
        raise ServerSelectionTimeoutError("no server\nat all")

    monkeypatch.setattr(Collection, "find", away)
    result = flask("list")
    assert (result.exit_code, result.stderr) == (3, "Error: The database did not answer: no server at all\n")
