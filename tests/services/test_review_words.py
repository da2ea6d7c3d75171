"""What an approval brings, what is said with a decision and who reads it, and which version it is about."""

import json
from datetime import UTC, datetime

import pytest
import time_machine

from app.models.audit_event import AuditEvent
from app.models.domain_error import ChangedMeanwhile, InvalidInput
from app.models.notification import Notification
from app.models.token_account import TokenAccount
from app.models.token_request import Status, TokenRequest
from app.models.user import User
from app.services import quota_requests, review, token_accounts, token_requests
from tests.bad_texts import BLANK, NOT_TEXT, UNUSABLE, too_long
from tests.effects import effects_of, entries_of, outcome, stored
from tests.factories import OPERATOR, actor_of, make_request, make_user, sign_in
from tests.steps import STEPS, acting, everything, make_rita, request_in, take

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands still until a test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def rita():
    """The reviewer who brings requests to where a test begins."""
    return make_rita()


class TestApproval:
    def test_it_resets_the_allowance_once_and_names_the_request(self, rita):
        token_request = make_request(used=100_000)
        review.approve(token_request, by=rita)
        account = token_accounts.view(token_request.user)
        assert (account.used, account.balance, account.period_calls, account.period_start) == (0, 150_000, 0, START)
        (entry,) = entries_of(token_request)
        assert (entry["type"], entry["amount"], entry["before"], entry["after"]) == ("reset", 100_000, 50_000, 150_000)
        assert (entry["key"], entry["by"]) == (f"request:{token_request.id}:1", rita.stamp())

    def test_the_reset_has_no_audit_event_besides_the_requests_own(self, rita):
        token_request = make_request(used=100_000)
        review.approve(token_request, by=rita)
        assert sorted(AuditEvent.objects(action__ne="user.create").scalar("action")) == ["request.approve"]

    @pytest.mark.parametrize("step", ["reject", "mark_spam", "ask", "withdraw"])
    def test_no_other_step_touches_the_account(self, step, rita):
        token_request = make_request(used=100_000)
        before = everything(token_request)[1]
        take(step, token_request, rita if step != "withdraw" else acting("owner", token_request))
        assert everything(token_request)[1] == before

    def test_approved_again_after_reopening_it_resets_again(self, rita):
        token_request = make_request(used=100_000)
        review.reopen(review.reject(token_request, by=rita, response="No."), by=rita, note="Perhaps")
        review.approve(token_request, by=rita)
        assert effects_of(token_request)["reset"] == 1
        assert entries_of(token_request)[0]["key"] == f"request:{token_request.id}:3"


class TestWords:
    @pytest.mark.parametrize("response", [*NOT_TEXT, *BLANK, *UNUSABLE, *too_long(500)])
    def test_rejecting_needs_a_response_of_up_to_500_characters(self, response, rita):
        token_request = make_request()
        before = everything(token_request)
        with pytest.raises(InvalidInput) as refused:
            review.reject(token_request, by=rita, response=response)
        assert list(refused.value.errors) == ["response"]
        assert everything(token_request) == before

    def test_rejecting_without_any_response_is_refused_too(self, rita):
        assert outcome(review.reject, make_request(), by=rita) == "InvalidInput"

    @pytest.mark.parametrize("response", ["", "x" * 500, "😀" * 500, "  لاحقًا  ", "two\r\nlines"])
    def test_approving_takes_a_response_or_none(self, response, rita):
        token_request = review.approve(make_request(), by=rita, response=response)
        assert token_request.decision["response"] == response.strip().replace("\r\n", "\n")

    @pytest.mark.parametrize("response", [*NOT_TEXT, *UNUSABLE, *too_long(500)])
    def test_a_bad_response_approves_nothing(self, response, rita):
        token_request = make_request(used=100)
        before = everything(token_request)
        assert outcome(review.approve, token_request, by=rita, response=response) == "InvalidInput"
        assert everything(token_request) == before

    @pytest.mark.parametrize(
        ("status", "call", "field", "most"),
        [
            ("pending", lambda one, by, text: review.ask(one, by=by, question=text), "question", 500),
            ("pending", lambda one, by, text: review.add_note(one, by=by, text=text), "note", 5_000),
            ("spam", lambda one, by, text: review.reopen(one, by=by, note=text), "note", 5_000),
            ("approved", lambda one, by, text: review.revoke(one, by=by, reason=text), "reason", 500),
            (
                "needs_info",
                lambda one, by, text: review.answer(one, by=acting("owner", one), answer=text),
                "answer",
                5_000,
            ),
        ],
        ids=["ask", "add_note", "reopen", "revoke", "answer"],
    )
    def test_what_must_be_said_is_text_of_a_bounded_length(self, status, call, field, most, rita, clock_hand):
        token_request = request_in(status, rita, clock_hand)
        before = everything(token_request)
        for text in [*NOT_TEXT, *BLANK, *UNUSABLE, *too_long(most)]:
            with pytest.raises(InvalidInput) as refused:
                call(token_request, rita, text)
            assert list(refused.value.errors) == [field]
        assert everything(token_request) == before
        call(token_request, rita, "😀" * most)
        assert everything(token_request) != before


class TestVersions:
    @pytest.mark.parametrize("step", ["approve", "reject", "mark_spam", "ask"])
    def test_a_decision_on_what_the_user_edited_meanwhile_is_none(self, step, rita):
        token_request = make_request(used=100)
        seen = token_request.version
        quota_requests.edit(token_request, reason="Other words", version=seen)
        before = everything(token_request)
        with pytest.raises(ChangedMeanwhile) as refused:
            take(step, token_request, rita, version=seen)
        assert refused.value.values == {"number": token_request.number}
        assert everything(token_request) == before
        assert take(step, token_request, rita, version=seen + 1).status == STEPS[step][1]

    def test_a_stale_page_hears_of_the_decision_rather_than_of_the_change(self, rita):
        token_request = make_request()
        review.approve(token_request, by=rita, version=1)
        assert outcome(review.reject, token_request, by=OPERATOR, response="No.", version=1) == "AlreadyDecided"

    def test_a_page_from_before_a_reopening_decides_nothing(self, rita):
        token_request = make_request()
        rejected = review.reject(token_request, by=rita, response="No.", version=1)
        reopened = review.reopen(rejected, by=OPERATOR, note="Perhaps")
        assert outcome(review.reject, token_request, by=rita, response="No.", version=1) == "ChangedMeanwhile"
        assert stored(token_request)["version"] == reopened.version

    def test_without_a_version_a_decision_is_on_what_is_there(self, rita):
        token_request = make_request()
        quota_requests.edit(token_request, reason="Other words", version=1)
        assert review.approve(token_request, by=rita).reason == "Other words"


class TestNotes:
    def test_a_note_is_kept_with_who_and_when_and_changes_nothing_else(self, rita, clock_hand):
        for status in Status:
            token_request = request_in(status, rita, clock_hand)
            before = stored(token_request)
            returned = review.add_note(token_request, by=rita, text="  Knows somebody. ")
            after = stored(token_request)
            (note,) = after.pop("notes")
            assert note == {"by": rita.stamp(), "at": datetime.now(UTC), "text": "Knows somebody."}
            assert after == {name: value for name, value in before.items() if name != "notes"}
            assert returned.notes[-1]["text"] == "Knows somebody."
            assert effects_of(token_request)["request.note"] == 1
            TokenRequest.objects.delete()

    def test_a_request_that_is_being_deleted_takes_no_note(self, rita):
        token_request = make_request()
        mark = {"by": rita.stamp(), "at": datetime.now(UTC), "batch": None}
        TokenRequest._get_collection().update_one({"_id": token_request.id}, {"$set": {"removal": mark}})
        assert outcome(review.add_note, token_request, by=rita, text="Too late") == "NotFound"
        assert stored(token_request)["notes"] == []

    @pytest.mark.parametrize("step", [review.approve, review.mark_spam])
    def test_a_decision_again_with_another_note_does_not_lose_it_unheard(self, step, rita):
        token_request = make_request()
        step(token_request, by=rita, note="As agreed")
        assert outcome(step, token_request, by=rita, note="As agreed") == "done"
        assert outcome(step, token_request, by=rita, note="Or not") == "AlreadyDecided"
        assert [note["text"] for note in stored(token_request)["notes"]] == ["As agreed"]

    def test_reopening_again_with_another_note_does_not_lose_it_unheard(self, rita):
        token_request = review.mark_spam(make_request(), by=rita)
        review.reopen(token_request, by=rita, note="Perhaps")
        assert outcome(review.reopen, token_request, by=rita, note="Perhaps") == "done"
        assert outcome(review.reopen, token_request, by=rita, note="Surely") == "AlreadyDecided"

    def test_a_note_does_not_stand_in_the_way_of_a_page_that_was_open(self, rita):
        token_request = make_request()
        review.add_note(token_request, by=OPERATOR, text="Looks fine.")
        assert review.approve(token_request, by=rita, version=token_request.version).status == "approved"

    def test_notes_at_once_are_all_kept(self, threads, rita):
        token_request = make_request()
        threads(lambda i: review.add_note(token_request, by=rita, text=f"Note {i}"), 10)
        assert sorted(note["text"] for note in stored(token_request)["notes"]) == [f"Note {i}" for i in range(10)]

    def test_the_requester_sees_nothing_of_them(self, rita, client):
        owner = make_user()
        token_request = make_request(owner)
        secret = "Do not tell"
        review.add_note(token_request, by=rita, text=secret)
        review.reject(token_request, by=rita, response="Not now.")
        review.reopen(token_request, by=rita, note=f"{secret} them")
        review.ask(token_request, by=rita, question="What for?")
        review.answer(token_request, by=actor_of(owner), answer="For a talk.")
        review.approve(token_request, by=rita, response="Enjoy.")
        review.add_note(token_request, by=rita, text=secret)
        kept = stored(token_request)
        assert [note["text"] for note in kept["notes"]] == [secret, f"{secret} them", secret]
        shown = [
            kept["history"],
            kept["decision"],
            [dict(one.to_mongo()) for one in Notification.objects(user=owner.id)],
        ]
        assert secret not in json.dumps(shown, default=str)
        sign_in(client, owner)
        for page in ("/requests", f"/requests/{token_request.number}", "/notifications", "/account"):
            response = client.get(page)
            assert response.status_code == 200
            assert secret not in response.text


def test_a_user_who_is_gone_leaves_a_failed_effect_with_its_reason_and_a_decision_that_stands(rita):
    token_request = make_request()
    User.objects(id=token_request.user).delete()
    TokenAccount.objects(id=token_request.user).delete()
    returned = review.approve(token_request, by=rita)
    assert returned.status == stored(token_request)["status"] == "approved"
    (item,) = stored(token_request)["due"]
    assert (item["verb"], item["failed"]) == ("account.reset", "Not found.")
    assert [one.id for one in token_requests.stuck()] == [token_request.id]
    assert effects_of(token_request)["request_approved"] == effects_of(token_request)["request.approve"] == 1
