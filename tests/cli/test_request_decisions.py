"""`flask requests` deciding on many at once, and the other steps of a review, as an operator types them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from click.testing import Result
from flask import Flask

from app.models.audit_event import AuditEvent
from app.models.notification import Notification
from app.models.review_batch import ReviewBatch
from app.models.token_request import TokenRequest
from app.services import beta_requests, quota_requests, review, token_accounts
from tests.effects import effects_of, stored
from tests.factories import OPERATOR, actor_of, make_request, make_user

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock_hand():
    """A clock that runs, from noon; a test may move it on."""
    with time_machine.travel(START) as traveller:
        yield traveller


@pytest.fixture
def flask(app: Flask):
    """Runs `flask requests …`."""

    def run(*words: object, stdin: str | None = None) -> Result:
        result = app.test_cli_runner().invoke(args=["requests", *map(str, words)], input=stdin)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def ada():
    return make_user("ada@example.com", name="Ada")


@pytest.fixture
def asked():
    return [make_request(used=70), make_request(used=70)]


def numbers(token_requests):
    return [one.number for one in token_requests]


def make_beta(user=None):
    user = user or make_user()
    return beta_requests.submit(user, by=actor_of(user))


class TestMany:
    @pytest.mark.parametrize(
        ("words", "status"),
        [(["approve"], "approved"), (["reject", "--response", "No."], "rejected"), (["spam"], "spam")],
    )
    def test_they_are_one_batch_with_each_outcome(self, flask, asked, words, status):
        result = flask(*words, *numbers(asked), "--note", "Agreed", "--yes")
        assert result.exit_code == 0, result.output
        batch = ReviewBatch.objects.get()
        first, second = numbers(asked)
        assert [line.split() for line in result.stdout.splitlines()] == [
            ["NUMBER", "OUTCOME", "WHY"],
            [str(first), "done", "-"],
            [str(second), "done", "-"],
            ["2", "of", "2.", "Batch", str(batch.id)],
        ]
        for one in asked:
            now = stored(one)
            assert (now["status"], [note["text"] for note in now["notes"]]) == (status, ["Agreed"])
        events = AuditEvent.objects(object__kind="request")
        assert [(event.batch, event.actor["kind"]) for event in events] == [(str(batch.id), "cli")] * 2

    def test_what_is_refused_is_said_and_an_error(self, flask, asked):
        review.mark_spam(asked[0], by=actor_of(make_user(name="Rita")))
        result = flask("approve", *numbers(asked), 999, "--yes", "--json")
        assert result.exit_code == 1
        assert "2 of 3 were not done." in result.stderr
        told = json.loads(result.stdout)
        assert told["batch"] == str(ReviewBatch.objects.get().id)
        assert [(row["number"], row["outcome"]) for row in told["rows"]] == [
            (asked[0].number, "already_decided"),
            (asked[1].number, "done"),
            (999, "not_found"),
        ]
        assert "already spam, by Rita" in told["rows"][0]["why"]
        assert told["rows"][1]["why"] is None

    def test_a_dry_run_says_the_same_and_does_nothing(self, flask, asked):
        review.mark_spam(asked[0], by=OPERATOR)
        before = list(TokenRequest._get_collection().find())
        dry = flask("reject", *numbers(asked), "--dry-run", "--json")
        assert dry.exit_code == 1
        rows = json.loads(dry.stdout)["rows"]
        assert [row["outcome"] for row in rows] == ["already_decided", "invalid_input"]
        dry = flask("reject", asked[1].number, "--response", "No.", "--dry-run")
        assert (dry.exit_code, "would be done" in dry.stdout, "1 of 1." in dry.stdout) == (0, True, True)
        assert list(TokenRequest._get_collection().find()) == before
        assert ReviewBatch.objects.count() == 0

    @pytest.mark.parametrize(("answer", "decided"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
    def test_more_than_one_is_asked_about(self, flask, asked, answer, decided):
        result = flask("approve", *numbers(asked), stdin=answer)
        assert "Approve 2 requests?" in result.output
        assert (result.exit_code == 0) is decided
        assert {stored(one)["status"] for one in asked} == {"approved" if decided else "pending"}

    def test_numbers_come_from_the_standard_input(self, flask, asked):
        first, second = numbers(asked)
        result = flask("spam", "-", "--yes", stdin=f"{first}\n {second} {first}\n")
        assert (result.exit_code, "2 of 2." in result.stdout) == (0, True)
        assert TokenRequest.objects(status="spam").count() == 2

    def test_without_yes_they_cannot(self, flask, asked):
        result = flask("spam", "-", stdin=f"{asked[0].number} {asked[1].number}")
        assert (result.exit_code, "--yes" in result.stderr) == (2, True)
        assert TokenRequest.objects(status="spam").count() == 0

    @pytest.mark.parametrize("stdin", ["", "x", "-1", "1.5", "1 x", "１", " ".join(map(str, range(1, 1_002)))])
    def test_other_input_is_called_wrongly(self, flask, asked, stdin):
        assert flask("spam", "-", "--yes", stdin=stdin).exit_code == 2
        assert ReviewBatch.objects.count() == 0

    def test_a_thousand_are_taken(self, flask):
        result = flask("spam", "-", "--dry-run", "--json", stdin=" ".join(map(str, range(1, 1_001))))
        assert len(json.loads(result.stdout)["rows"]) == 1_000

    def test_each_kind_gets_what_is_its_own(self, flask, asked):
        beta = make_beta()
        assert flask("approve", *numbers([asked[0], beta]), "--granted", 250, "--yes").exit_code == 0
        assert stored(beta)["decision"]["granted"] == 250
        assert stored(asked[0])["decision"]["granted"] is None
        single = make_beta()
        assert flask("approve", single.number, "--granted", 300).exit_code == 0
        assert stored(single)["decision"]["granted"] == 300

    @pytest.mark.parametrize("how", [[], ["--dry-run"], ["--json"], ["--dry-run", "--json"], ["--yes", "--json"]])
    def test_an_amount_for_one_that_takes_none_is_refused(self, flask, asked, how):
        before = stored(asked[0])
        result = flask("approve", asked[0].number, "--granted", 5, *how)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "Nothing can be chosen for a request of this kind." in result.stderr
        assert (stored(asked[0]), ReviewBatch.objects.count()) == (before, 0)
        beta = make_beta()
        for granted, exit_code in ((10_001, 1), (5, 0)):
            assert flask("approve", beta.number, "--granted", granted, *how).exit_code == exit_code

    @pytest.mark.parametrize("words", [["--note", "n" * 5_001], ["--response", "r" * 501]])
    def test_a_dry_run_refuses_the_words_that_a_batch_refuses(self, flask, asked, words):
        results = [flask("approve", *numbers(asked), "--yes", *words, *how) for how in ([], ["--dry-run"])]
        assert [result.exit_code for result in results] == [1, 1]
        assert results[0].stderr == results[1].stderr != ""


class TestDelete:
    def test_only_what_was_refused_long_ago_goes(self, flask, asked, clock_hand):
        old = review.mark_spam(asked[0], by=OPERATOR)
        clock_hand.shift(timedelta(days=30))
        result = flask("delete", *numbers(asked), "--reason", "Tidying", "--yes", "--json")
        assert result.exit_code == 1
        assert [row["outcome"] for row in json.loads(result.stdout)["rows"]] == ["done", "not_deletable"]
        assert (stored(old), stored(asked[1])["status"]) == (None, "pending")
        assert AuditEvent.objects.get(action="request.delete").reason == "Tidying"

    def test_even_one_is_asked_about(self, flask, asked, clock_hand):
        review.mark_spam(asked[0], by=OPERATOR)
        clock_hand.shift(timedelta(days=30))
        result = flask("delete", asked[0].number, stdin="n\n")
        assert (result.exit_code, "Delete 1 request for good?" in result.output) == (1, True)
        assert stored(asked[0])


class TestOtherSteps:
    def test_a_question_is_asked(self, flask, asked):
        result = flask("ask", asked[0].number, "--question", "What for?")
        assert (result.exit_code, result.stdout) == (0, f"Request #{asked[0].number} is needs_info.\n")
        assert Notification.objects.get(kind="question_asked")["values"]["question"] == "What for?"

    def test_a_refusal_is_taken_back(self, flask, asked):
        review.mark_spam(asked[0], by=OPERATOR)
        result = flask("reopen", asked[0].number, "--note", "They called.")
        assert (result.exit_code, result.stdout) == (0, f"Request #{asked[0].number} is pending.\n")
        assert stored(asked[0])["notes"][0]["text"] == "They called."

    @pytest.mark.parametrize(
        ("spent", "said"),
        [
            (0, ["70 of 70 tokens came back."]),
            (
                99_950,
                [
                    "50 of 70 tokens came back.",
                    "20 could not be taken: they are spent, held or have expired.",
                ],
            ),
        ],
    )
    def test_a_revocation_says_what_came_back(self, flask, asked, spent, said):
        review.approve(asked[0], by=OPERATOR)
        if spent:
            token_accounts.spend(asked[0].user, spent, by=OPERATOR)
        result = flask("revoke", asked[0].number, "--reason", "A mistake.")
        assert result.exit_code == 0
        first, *rest = result.stdout.splitlines()
        assert first == f"Request #{asked[0].number} is revoked."
        assert rest == said

    def test_a_note_is_kept(self, flask, asked):
        result = flask("note", asked[0].number, "--text", "Known from the conference.")
        assert (result.exit_code, "is kept" in result.stdout) == (0, True)
        assert stored(asked[0])["notes"][0]["text"] == "Known from the conference."
        assert effects_of(asked[0])["request.note"] == 1

    def test_what_has_waited_too_long_expires(self, flask, asked, clock_hand):
        assert flask("expire").stdout == "0 expired.\n"
        clock_hand.shift(timedelta(days=30))
        assert flask("expire").stdout == "2 expired.\n"
        assert flask("expire").stdout == "0 expired.\n"
        assert {stored(one)["status"] for one in asked} == {"expired"}

    @pytest.mark.parametrize(
        "words",
        [["ask", "--question", "Q"], ["reopen", "--note", "N"], ["revoke", "--reason", "R"], ["note", "--text", "T"]],
    )
    def test_one_that_is_not_there_is_an_error(self, flask, words):
        assert (flask(*words, 99).exit_code, flask(*words, 99).stderr) == (1, "Error: Request not found\n")

    @pytest.mark.parametrize("word", ["ask", "reopen", "revoke", "note"])
    def test_without_words_they_are_called_wrongly(self, flask, asked, word):
        assert flask(word, asked[0].number).exit_code == 2

    def test_a_step_that_is_not_possible_is_refused(self, flask, asked):
        result = flask("revoke", asked[0].number, "--reason", "No.")
        assert (result.exit_code, "already pending" in result.stderr) == (1, True)


class TestFilters:
    @pytest.fixture
    def listed(self, flask):
        def numbers_of(*words):
            return [row["number"] for row in json.loads(flask("list", *words, "--json").stdout)]

        return numbers_of

    def test_they_combine(self, listed, ada, clock_hand):
        quota, beta = make_request(ada), make_beta(ada)
        clock_hand.shift(timedelta(days=1))
        other = review.mark_spam(make_beta(), by=OPERATOR)
        assert listed() == [other.number, beta.number, quota.number]
        assert listed("--kind", "beta") == [other.number, beta.number]
        assert listed("--kind", "beta", "--kind", "quota", "--status", "spam", "--status", "pending") == listed()
        assert listed("--user", "ada@example.com") == [beta.number, quota.number]
        assert listed("--user", str(ada.id), "--kind", "quota", "--status", "pending") == [quota.number]
        assert listed("--since", "2026-03-11") == [other.number]
        assert listed("--until", "2026-03-10") == [beta.number, quota.number]
        assert listed("--until", "2026-03-11") == listed()
        assert listed("--since", "2026-03-12") == []

    @pytest.mark.parametrize(
        "words",
        [
            ["--kind", "gift"],
            ["--since", "yesterday"],
            ["--until", "9999-12-31"],
            ["--since", "0001-01-01"],
            ["--stuck", "--kind", "beta"],
            ["--stuck", "--before", "3"],
        ],
    )
    def test_others_are_usage_errors(self, flask, words):
        assert flask("list", *words).exit_code == 2

    def test_a_user_that_is_not_there_is_an_error(self, flask):
        assert flask("list", "--user", "nobody@example.com").exit_code == 1


def test_editing_meanwhile_is_no_matter_to_whoever_names_numbers(flask, asked):
    quota_requests.edit(asked[0], reason="Other words", version=1)
    assert flask("approve", *numbers(asked), "--yes").exit_code == 0
