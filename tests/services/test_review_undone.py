"""Taking decisions back, reopening and revoking; and requests that time ends."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.models.actor import SYSTEM, Actor
from app.models.domain_error import AlreadyPending, SlotTaken, WorkOutstanding
from app.models.due_item import due_item
from app.models.notification import Notification
from app.models.token_request import OPEN, Status, TokenRequest
from app.services import due, expiry, quota_requests, review, token_accounts
from tests.effects import effects_of, entries_of, outcome, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.steps import acting, everything, make_rita, request_in

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
MILLISECOND, DAY = timedelta(milliseconds=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands still until a test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def rita():
    """The reviewer who brings requests to where a test begins."""
    return make_rita()


class TestReopening:
    @pytest.mark.parametrize("status", ["rejected", "spam"])
    def test_it_is_refused_while_the_user_has_another_open_one(self, status, rita, clock_hand):
        owner = make_user()
        token_request = request_in(status, rita, clock_hand, owner)
        second = make_request(owner)
        before = everything(token_request)
        with pytest.raises(SlotTaken):
            review.reopen(token_request, by=rita, note="Another look")
        assert everything(token_request) == before
        review.withdraw(second, by=actor_of(owner))
        assert review.reopen(token_request, by=rita, note="Another look").status == "pending"

    def test_it_takes_the_slot(self, rita, clock_hand):
        owner = make_user()
        token_request = review.reopen(request_in("rejected", rita, clock_hand, owner), by=rita, note="Another look")
        with pytest.raises(AlreadyPending) as refused:
            make_request(owner)
        assert refused.value.values["number"] == token_request.number

    def test_of_reopening_and_submitting_at_once_one_gets_the_slot(self, rita, threads):
        for _round in range(10):
            owner = make_user()
            token_request = review.mark_spam(make_request(owner), by=rita)

            def reopen_or_submit(i, token_request=token_request, owner=owner):
                if i:
                    return outcome(review.reopen, token_request, by=rita, note="Another look")
                return outcome(make_request, owner)

            outcomes = threads(reopen_or_submit, 2)
            assert outcomes in (["done", "SlotTaken"], ["AlreadyPending", "done"])
            assert TokenRequest.objects(user=owner.id, status="pending").count() == 1


class TestRevoking:
    @pytest.mark.parametrize(
        ("used", "then", "taken", "balance"),
        [
            # What the reset gave back is all there still.
            (100_000, {}, 100_000, 50_000),
            (40_000, {}, 40_000, 110_000),
            # Part of it was used, or all of it, and the grant besides.
            (100_000, {"spend": 30_000}, 70_000, 50_000),
            (100_000, {"spend": 100_000}, 0, 50_000),
            (100_000, {"spend": 120_000}, 0, 30_000),
            (150_000, {"spend": 99_999}, 1, 0),
            # What is held stays held: only what is available can be taken.
            (100_000, {"hold": 120_000}, 30_000, 120_000),
            (150_000, {"hold": 100_000}, 0, 100_000),
            (100_000, {"spend": 30_000, "hold": 70_000}, 50_000, 70_000),
            # It gave nothing, so there is nothing to take.
            (0, {}, 0, 150_000),
        ],
    )
    def test_it_takes_back_what_is_left_and_available(self, used, then, taken, balance, rita):
        token_request = make_request(used=used)
        review.approve(token_request, by=rita)
        (given,) = entries_of(token_request)
        for verb, tokens in then.items():
            getattr(token_accounts, verb)(token_request.user, tokens, by=OPERATOR)
        held = then.get("hold", 0)
        assert token_accounts.view(token_request.user).balance == 150_000 - max(0, used - 100_000) - then.get(
            "spend", 0
        )
        review.revoke(token_request, by=rita, reason="A mistake.")
        entry, reset = entries_of(token_request)
        assert reset == given
        assert (entry["type"], entry["amount"], entry["after"]) == ("revocation", -taken, balance)
        assert (entry["reference"]["undoes"], entry["by"]) == (given["_id"], rita.stamp())
        assert entry["answer"]["uncovered"] == given["amount"] - taken
        account = token_accounts.view(token_request.user)
        assert (account.balance, account.held, account.available) == (balance, held, balance - held)

    def test_after_a_new_period_there_is_nothing_left_of_it(self, rita, clock_hand):
        token_request = make_request(used=100_000)
        review.approve(token_request, by=rita)
        clock_hand.shift(7 * DAY)
        review.revoke(token_request, by=rita, reason="A mistake.")
        (entry, _) = entries_of(token_request)
        assert (entry["amount"], entry["answer"]["uncovered"]) == (0, 100_000)
        assert token_accounts.view(token_request.user).balance == 150_000

    def test_what_the_approval_brought_is_done_first(self, rita):
        token_request = make_request(used=100_000)
        review.approve(token_request, by=rita)
        left = due_item(
            "late", "notify", at=START, user=token_request.user, kind="request_reopened", values={"number": 1}
        )
        TokenRequest._get_collection().update_one({"_id": token_request.id}, {"$push": {"due": left}})
        assert review.revoke(token_request, by=rita, reason="A mistake.").status == "revoked"
        assert Notification.objects(user=token_request.user, key="late").count() == 1
        assert stored(token_request)["due"] == []

    def test_it_is_refused_while_something_cannot_be_done(self, rita):
        token_request = make_request(used=100_000)
        review.approve(token_request, by=rita)
        stuck = due_item(
            "stuck",
            "account.revoke",
            at=START,
            user=token_request.user,
            undoes="later",
            by=rita.stamp(),
            reason="None such",
            reference={"request": token_request.number},
        )
        TokenRequest._get_collection().update_one({"_id": token_request.id}, {"$push": {"due": stuck}})
        with pytest.raises(WorkOutstanding):
            review.revoke(token_request, by=rita, reason="A mistake.")
        assert stored(token_request)["status"] == "approved"
        assert effects_of(token_request)["revocation"] == 0
        token_accounts.grant(token_request.user, 10, source="adjustment", by=OPERATOR, reason="Now it is", key="later")
        assert due.retry_failed(TokenRequest, token_request.id)
        assert review.revoke(token_request, by=rita, reason="A mistake.").status == "revoked"

    def test_twenty_revoking_at_once_take_back_once(self, rita, threads):
        token_request = make_request(used=100_000)
        review.approve(token_request, by=rita)
        reviewers = [Actor("user", str(user.id), user.name) for user in (make_admin(), make_admin())]
        said = threads(lambda i: outcome(review.revoke, token_request, by=reviewers[i % 2], reason="A mistake."), 20)
        assert set(said) <= {"done", "AlreadyDecided", "WorkOutstanding"}
        assert "done" in said
        assert effects_of(token_request) == {
            "reset": 1,
            "revocation": 1,
            "request_received": 1,
            "request_approved": 1,
            "request_revoked": 1,
            "request.approve": 1,
            "request.revoke": 1,
        }
        assert token_accounts.view(token_request.user).balance == 50_000


class TestExpiry:
    def test_a_request_expires_thirty_days_after_it_was_submitted_to_the_millisecond(self, clock_hand):
        token_request = make_request(used=100)
        clock_hand.move_to(START + 30 * DAY - MILLISECOND)
        assert expiry.wake_due() == 0
        assert stored(token_request)["status"] == "pending"
        clock_hand.move_to(START + 30 * DAY)
        assert expiry.wake_due() == 1
        after = stored(token_request)
        assert (after["status"], "open_key" in after, after["due"]) == ("expired", False, [])
        assert after["history"][-1]["by"] == SYSTEM.stamp()
        told = {"request_received": 1, "request_expiring": 1, "request_expired": 1}
        assert effects_of(token_request) == {**told, "request.expire": 1}
        assert expiry.wake_due() == 0

    @pytest.mark.parametrize(
        "last_step",
        [
            lambda one, owner, rita: review.ask(one, by=rita, question="What for?"),
            lambda one, owner, rita: review.answer(
                review.ask(one, by=rita, question="What?"), by=owner, answer="A talk."
            ),
            lambda one, owner, rita: review.reopen(review.mark_spam(one, by=rita), by=rita, note="Another look"),
        ],
        ids=["asked", "answered", "reopened"],
    )
    def test_the_thirty_days_begin_anew_with_each_step_to_an_open_status(self, last_step, rita, clock_hand):
        token_request = make_request()
        clock_hand.shift(29 * DAY)
        last_step(token_request, acting("owner", token_request), rita)
        clock_hand.move_to(START + 59 * DAY - MILLISECOND)
        assert expiry.wake_due() == 0
        clock_hand.move_to(START + 59 * DAY)
        assert expiry.wake_due() == 1
        assert stored(token_request)["status"] == "expired"

    def test_neither_an_edit_nor_a_note_puts_it_off(self, rita, clock_hand):
        token_request = make_request()
        clock_hand.shift(29 * DAY)
        quota_requests.edit(token_request, reason="Other words", version=1)
        review.add_note(token_request, by=rita, text="Waiting for the board.")
        clock_hand.move_to(START + 30 * DAY)
        assert expiry.wake_due() == 1

    def test_what_is_not_open_never_expires(self, rita, clock_hand):
        requests = [request_in(status, rita, clock_hand) for status in Status if status not in OPEN]
        before = [stored(one) for one in requests]
        clock_hand.shift(365 * DAY)
        assert expiry.wake_due() == 0
        assert [stored(one) for one in requests] == before

    def test_the_days_are_a_setting(self, app, monkeypatch, clock_hand):
        monkeypatch.setitem(app.config, "REQUEST_EXPIRY_DAYS", 2)
        make_request()
        clock_hand.move_to(START + 2 * DAY - MILLISECOND)
        assert expiry.wake_due() == 0
        clock_hand.move_to(START + 2 * DAY)
        assert expiry.wake_due() == 1

    def test_it_takes_a_bounded_number_at_once_and_the_rest_next_time(self, clock_hand):
        for _ in range(5):
            make_request()
        clock_hand.shift(31 * DAY)
        assert [expiry.wake_due(limit=2) for _ in range(4)] == [2, 2, 1, 0]

    def test_of_expiry_and_a_decision_at_once_one_takes_effect(self, rita, threads, clock_hand):
        requests = [make_request(used=100) for _ in range(12)]
        clock_hand.shift(30 * DAY)

        def decide_or_expire(i):
            if i == 0:
                return [outcome(review.approve, one, by=rita) for one in reversed(requests)]
            return expiry.wake_due()

        decided, expired = threads(decide_or_expire, 2)
        statuses = [stored(one)["status"] for one in reversed(requests)]
        assert [status == "approved" for status in statuses] == [said == "done" for said in decided]
        assert expired == statuses.count("expired") == len(requests) - decided.count("done")
        for token_request in requests:
            how = stored(token_request)["status"]
            effects = effects_of(token_request)
            assert effects["reset"] == effects["request_approved"] == effects["request.approve"] == (how == "approved")
            assert effects["request_expired"] == effects["request.expire"] == (how == "expired")

    def test_two_workers_at_once_expire_each_once(self, threads, clock_hand):
        requests = [make_request() for _ in range(10)]
        clock_hand.shift(30 * DAY)
        threads(lambda _: expiry.wake_due(), 4)
        for token_request in requests:
            assert effects_of(token_request) == {"request_received": 1, "request_expired": 1, "request.expire": 1}
            assert len(stored(token_request)["history"]) == 2
