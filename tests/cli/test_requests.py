"""`flask requests`, as an operator types it."""

import json

import pytest
from click.testing import Result
from flask import Flask

from app.models.audit_event import AuditEvent
from app.models.due_item import due_item
from app.models.notification import Notification
from app.models.token_account import TokenAccount
from app.models.token_request import TokenRequest
from app.models.user import User
from app.services import due, review, token_accounts
from tests.effects import effects_of, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user

NO_REQUEST = ["0", "99", "-1", "abc", "", "1.0", "#1", "１", "9" * 40, "$ne", "f" * 24, "6b00df86a4db0f8dc5f432e2"]


@pytest.fixture
def flask(app: Flask):
    """Runs `flask requests …`."""

    def run(*words: str) -> Result:
        result = app.test_cli_runner().invoke(args=["requests", *words])
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def ada():
    return make_user("ada@example.com", name="Ada")


@pytest.fixture
def stuck_request(ada):
    """A request whose reset could not be done, because its user's account was away for a while."""
    token_request = make_request(ada)
    item = due_item(
        "stuck",
        "account.revoke",
        at=token_request.submitted_at,
        user=ada.id,
        undoes="later",
        by=OPERATOR.stamp(),
        reason="Revoked",
        reference=None,
    )
    TokenRequest._get_collection().update_one({"_id": token_request.id}, {"$push": {"due": item}})
    due.perform(TokenRequest, token_request.id)
    return token_request


def named(token_request, by):
    return str(token_request.number if by == "number" else token_request.id)


class TestList:
    def test_it_shows_the_newest_first_with_whose_it_is(self, flask, ada):
        first, second = make_request(ada), make_request(make_user("bob@example.com"))
        head, *rows = flask("list").stdout.splitlines()
        assert head.split()[:3] == ["NUMBER", "KIND", "STATUS"]
        assert [row.split()[:3] for row in rows] == [
            [str(second.number), "quota", "pending"],
            [str(first.number), "quota", "pending"],
        ]
        assert ["bob@example.com" in rows[0], "ada@example.com" in rows[1]] == [True, True]

    def test_it_prints_json_for_programs(self, flask, ada):
        token_request = make_request(ada)
        (row,) = json.loads(flask("list", "--json").stdout)
        assert (row["number"], row["kind"], row["status"]) == (token_request.number, "quota", "pending")
        assert row["user"] == "ada@example.com"
        assert row["submitted_at"].endswith("Z")

    def test_it_filters_by_status(self, flask):
        first, second = make_request(), make_request()
        review.mark_spam(first, by=OPERATOR)
        assert [row["number"] for row in json.loads(flask("list", "--status", "spam", "--json").stdout)] == [
            first.number
        ]
        assert [row["number"] for row in json.loads(flask("list", "--status", "pending", "--json").stdout)] == [
            second.number
        ]

    def test_pages_go_on_where_the_last_one_ended(self, flask):
        made = [make_request().number for _ in range(3)]
        first = json.loads(flask("list", "--limit", "2", "--json").stdout)
        second = json.loads(flask("list", "--limit", "2", "--before", str(first[-1]["number"]), "--json").stdout)
        assert [row["number"] for row in first + second] == made[::-1]

    def test_stuck_ones_are_listed_with_the_reason(self, flask, stuck_request):
        make_request()
        table = flask("list", "--stuck").stdout
        assert len(table.splitlines()) == 2
        assert "Not found." in table
        (row,) = json.loads(flask("list", "--stuck", "--json").stdout)
        assert (row["number"], row["why"]) == (stuck_request.number, "Not found.")

    def test_a_request_whose_user_is_gone_is_listed(self, flask):
        token_request = make_request()
        User.objects(id=token_request.user).delete()
        assert str(token_request.user) in flask("list").stdout

    def test_an_empty_list_says_so(self, flask):
        assert flask("list").stdout == "No requests.\n"
        assert flask("list", "--json").stdout == flask("list", "--stuck", "--json").stdout == "[]\n"

    @pytest.mark.parametrize(
        "words",
        [["--status", "open"], ["--limit", "0"], ["--limit", "1001"], ["--limit", "x"], ["--before", "0"], ["more"]],
    )
    def test_bad_options_are_usage_errors(self, flask, words):
        assert flask("list", *words).exit_code == 2


class TestShow:
    @pytest.mark.parametrize("by", ["number", "id"])
    def test_it_shows_one_request(self, flask, ada, by):
        token_request = make_request(ada, used=70, reason="I am preparing a talk.")
        text = flask("show", named(token_request, by)).stdout
        for fact in ("pending", "ada@example.com", "I am preparing a talk.", "70", str(token_request.id)):
            assert fact in text

    def test_json_has_the_decision_and_the_history(self, flask, ada):
        token_request = make_request(ada)
        review.reject(token_request, by=actor_of(make_admin(name="Adam")), response="Please wait.")
        facts = json.loads(flask("show", str(token_request.number), "--json").stdout)
        assert (facts["status"], facts["decided_by"], facts["response"]) == ("rejected", "Adam", "Please wait.")
        assert [step["to_status"] for step in facts["history"]] == ["pending", "rejected"]
        assert facts["id"] == str(token_request.id)

    @pytest.mark.parametrize("reference", NO_REQUEST)
    def test_anything_else_is_an_error(self, flask, reference):
        make_request()
        result = flask("show", "--", reference)
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: Request not found\n")

    def test_a_text_that_drives_terminals_is_shown_harmlessly(self, flask):
        token_request = make_request(reason="two\nlines \u202e reversed")
        assert "two lines   reversed" in flask("show", str(token_request.number)).stdout


class TestApprove:
    @pytest.mark.parametrize("by", ["number", "id"])
    def test_the_user_gets_what_was_asked_for(self, flask, ada, by):
        token_request = make_request(ada, used=100_000)
        result = flask("approve", named(token_request, by), "--response", "Good luck.")
        assert (result.exit_code, result.stdout) == (0, f"Request #{token_request.number} is approved.\n")
        assert result.stderr == ""
        assert token_accounts.view(ada.id).used == 0
        assert Notification.objects.get(kind="request_approved")["values"]["response"] == "Good luck."
        event = AuditEvent.objects.get(action="request.approve")
        assert (event.actor["kind"], event.object["number"]) == ("cli", token_request.number)
        assert stored(token_request)["decision"]["by"]["kind"] == "cli"

    def test_it_needs_no_response(self, flask):
        assert flask("approve", str(make_request().number)).exit_code == 0

    def test_the_same_again_is_the_same_answer_with_one_effect(self, flask):
        token_request = make_request(used=70)
        first, second = (flask("approve", str(token_request.number)) for _ in range(2))
        assert (first.exit_code, first.stdout) == (second.exit_code, second.stdout)
        assert effects_of(token_request)["reset"] == effects_of(token_request)["request_approved"] == 1

    def test_a_request_that_somebody_else_decided_is_refused_naming_who_and_when(self, flask):
        token_request = make_request(used=70)
        decided = review.reject(token_request, by=actor_of(make_admin(name="Adam")), response="No.").decision
        result = flask("approve", str(token_request.number))
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"Error: Request #{token_request.number} is already rejected, by Adam on ")
        assert f"{decided['at']:%Y-%m-%d %H:%M}" in result.stderr
        assert effects_of(token_request)["reset"] == 0

    def test_what_could_not_be_done_is_said(self, flask):
        token_request = make_request()
        User.objects(id=token_request.user).delete()
        TokenAccount.objects(id=token_request.user).delete()
        result = flask("approve", str(token_request.number))
        assert "is approved" in result.stdout
        assert "flask requests list --stuck" in result.stderr

    @pytest.mark.parametrize("reference", NO_REQUEST)
    def test_no_request_no_decision(self, flask, reference):
        token_request = make_request()
        result = flask("approve", "--", reference)
        assert (result.exit_code, result.stderr) == (1, "Error: Request not found\n")
        assert stored(token_request)["status"] == "pending"

    def test_a_response_that_is_too_long_decides_nothing(self, flask):
        token_request = make_request()
        result = flask("approve", str(token_request.number), "--response", "x" * 501)
        assert (result.exit_code, stored(token_request)["status"]) == (1, "pending")
        assert "response" in result.stderr

    @pytest.mark.parametrize("words", [[], ["1", "x", "--yes"], ["1", "--by", "me"], ["1", "--granted", "0"]])
    def test_called_wrongly_it_says_how(self, flask, words):
        assert flask("approve", *words).exit_code == 2


class TestReject:
    def test_the_user_hears_why(self, flask, ada):
        token_request = make_request(ada, used=70)
        result = flask("reject", str(token_request.id), "--response", "Please wait for Monday.")
        assert (result.exit_code, result.stdout) == (0, f"Request #{token_request.number} is rejected.\n")
        assert Notification.objects.get(kind="request_rejected")["values"]["response"] == "Please wait for Monday."
        assert token_accounts.view(ada.id).used == 70

    @pytest.mark.parametrize("words", [[], ["--response", ""], ["--response", "  "], ["--response", "x" * 501]])
    def test_without_a_usable_response_it_is_refused(self, flask, words):
        token_request = make_request()
        result = flask("reject", str(token_request.number), *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "response" in result.stderr
        assert stored(token_request)["status"] == "pending"


class TestFinish:
    def test_what_has_been_mended_is_finished(self, flask, ada, stuck_request):
        token_accounts.grant(ada.id, 900, source="adjustment", by=OPERATOR, reason="Mended", key="later")
        result = flask("finish", str(stuck_request.number))
        assert (result.exit_code, result.stdout) == (0, "1 finished.\n")
        assert stored(stuck_request)["due"] == []
        assert AuditEvent.objects.get(action="request.retry").actor["kind"] == "cli"
        assert flask("list", "--stuck").stdout == "No requests.\n"

    def test_without_a_number_all_stuck_ones_are_tried(self, flask, ada, stuck_request):
        token_accounts.grant(ada.id, 900, source="adjustment", by=OPERATOR, reason="Mended", key="later")
        assert flask("finish").stdout == "1 finished.\n"
        assert stored(stuck_request)["due"] == []

    def test_what_is_still_stuck_is_named_and_an_error(self, flask, stuck_request):
        result = flask("finish")
        assert (result.exit_code, result.stdout) == (1, "0 finished.\n")
        assert f"#{stuck_request.number}" in result.stderr
        assert stored(stuck_request)["due"][0]["failed"] == "Not found."

    def test_with_nothing_to_do_it_does_nothing(self, flask):
        assert flask("finish").stdout == "0 finished.\n"
        token_request = make_request()
        before = stored(token_request)
        assert flask("finish", str(token_request.number)).exit_code == 0
        assert stored(token_request) == before

    def test_one_that_is_not_there_is_an_error(self, flask):
        assert (flask("finish", "99").exit_code, flask("finish", "99").stderr) == (1, "Error: Request not found\n")
