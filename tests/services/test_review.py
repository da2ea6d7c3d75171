"""Deciding: every step from every status by everybody, and what follows from it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.models.actor import Actor
from app.models.audit_event import AuditEvent
from app.models.domain_error import AlreadyDecided, Forbidden, NotFound
from app.models.notification import Notification
from app.models.token_request import OPEN, TRANSITIONS, Role, Status, TokenRequest
from app.services import review, token_accounts
from tests.effects import effects_of, outcome, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.steps import (
    BY_OWNER,
    BY_REVIEWER,
    OWNERS_STEPS,
    STEPS,
    WHO,
    WORDS,
    acting,
    allowed,
    everything,
    make_rita,
    request_in,
    take,
)

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


class TestTheTable:
    @pytest.mark.parametrize("who", WHO)
    @pytest.mark.parametrize("status", Status)
    def test_what_is_not_in_it_changes_nothing(self, status, who, rita, clock_hand):
        owner = make_user(name="Olga", roles=["reviewer"] if who == "reviewer who owns it" else [])
        token_request = request_in(status, rita, clock_hand, owner)
        by, before = acting(who, token_request), everything(token_request)
        last = before[0]["history"][-1]
        for step in STEPS.keys() - allowed(status, who):
            if (who, status, step) in {
                ("owner", "withdrawn", "withdraw"),
                ("reviewer who owns it", "withdrawn", "withdraw"),
            }:
                continue  # The same person again: that has tests of its own.
            with pytest.raises((AlreadyDecided, Forbidden)) as refused:
                take(step, token_request, by)
            possible = step in BY_REVIEWER[status] | BY_OWNER.get(status, set())
            mine = (step in OWNERS_STEPS) == (who in ("owner", "reviewer who owns it"))
            if possible:
                assert refused.type is Forbidden, step
            elif mine:
                assert refused.type is AlreadyDecided, step
            if refused.type is AlreadyDecided:
                assert refused.value.values == {
                    "number": token_request.number,
                    "status": status,
                    "by": last["by"]["name"],
                    "at": last["at"],
                }
        assert everything(token_request) == before

    @pytest.mark.parametrize(
        ("status", "who", "step"),
        [(str(status), who, step) for status in Status for who in WHO for step in sorted(allowed(str(status), who))],
    )
    def test_what_is_in_it_is_one_step_with_its_trail(self, status, who, step, rita, clock_hand):
        owner = make_user(name="Olga", roles=["reviewer"] if who == "reviewer who owns it" else [])
        token_request = request_in(status, rita, clock_hand, owner)
        by, before, now = acting(who, token_request), stored(token_request), datetime.now(UTC)
        returned, to = take(step, token_request, by), STEPS[step][1]
        after = stored(token_request)
        assert returned.id == token_request.id
        assert (returned.status, after["status"], after["version"]) == (to, to, before["version"] + 1)
        assert after["due"] == []
        *earlier, last = after["history"]
        assert earlier == before["history"]
        assert (last["from_status"], last["to_status"], last["by"], last["at"]) == (status, to, by.stamp(), now)
        assert last["note"] == WORDS.get(step, "")
        # Open requests hold their user's slot, the others do not; and what was submitted stays as it was.
        assert after.get("open_key") == (f"quota:{owner.id}" if to in OPEN else None)
        for name in ("number", "user", "kind", "submitted_at", "reason", "usage", "day_key"):
            assert after[name] == before[name]

    @pytest.mark.parametrize(
        ("status", "step", "notice", "words"),
        [
            ("pending", "approve", "request_approved", {"response": "Enjoy."}),
            ("pending", "reject", "request_rejected", {"response": "Not now."}),
            ("needs_info", "reject", "request_rejected", {"response": "Not now."}),
            ("pending", "mark_spam", "request_spam", {}),
            ("needs_info", "mark_spam", "request_spam", {}),
            ("pending", "ask", "question_asked", {"question": "What for?"}),
            ("rejected", "reopen", "request_reopened", {}),
            ("spam", "reopen", "request_reopened", {}),
            ("approved", "revoke", "request_revoked", {"response": "A mistake."}),
        ],
    )
    def test_the_owner_hears_of_what_others_do_and_the_trail_has_one_event(
        self, status, step, notice, words, rita, clock_hand
    ):
        token_request = request_in(status, rita, clock_hand)
        adam = Actor("user", str(make_admin().id), "Adam", address="192.0.2.7", request_id="r-17")
        earlier = set(Notification.objects.scalar("id")), set(AuditEvent.objects.scalar("id"))
        take(step, token_request, adam)
        (told,) = Notification.objects(id__nin=earlier[0])
        assert (told.user, told.kind, told.url) == (token_request.user, notice, f"/requests/{token_request.number}")
        said = {name: value for name, value in told["values"].items() if value}
        assert said == {"number": token_request.number, **words}
        (event,) = AuditEvent.objects(id__nin=earlier[1])
        assert event.action == f"request.{'spam' if step == 'mark_spam' else step}"
        assert (event.actor, event.address, event.request_id) == (adam.stamp(), "192.0.2.7", "r-17")
        assert event.object == {"kind": "request", "id": str(token_request.id), "number": token_request.number}
        assert (event.before["status"], event.after["status"]) == (status, STEPS[step][1])
        assert event.reason == (WORDS.get(step) or ("Another look" if step == "reopen" else ""))

    @pytest.mark.parametrize("status", ["pending", "needs_info"])
    def test_a_withdrawal_is_news_to_nobody_and_to_no_trail(self, status, rita, clock_hand):
        token_request = request_in(status, rita, clock_hand)
        before = everything(token_request)
        take("withdraw", token_request, acting("owner", token_request))
        assert everything(token_request)[1:] == before[1:]

    @pytest.mark.parametrize("roles", [[], ["reviewer"]])
    def test_an_answer_is_news_to_the_other_reviewers_and_to_no_trail(self, roles, rita, clock_hand):
        token_request = request_in("needs_info", rita, clock_hand, make_user(roles=roles))
        _document, account, told, trail = everything(token_request)
        answered = review.answer(token_request, by=acting("owner", token_request), answer="For the talk.")
        key = f"request:{token_request.id}:{len(answered.history) - 1}"
        news = [*told, (rita.id, key, "question_answered")]
        assert everything(token_request)[1:] == (account, sorted(news), trail)
        notice = Notification.objects.get(kind="question_answered")
        assert (notice["values"], notice.url) == (
            {"number": token_request.number},
            f"/admin/requests/{token_request.number}",
        )

    @pytest.mark.parametrize("step", ["approve", "reject", "mark_spam", "revoke"])
    def test_a_decision_keeps_who_when_and_what_the_user_is_told(self, step, rita, clock_hand):
        token_request = request_in("approved" if step == "revoke" else "pending", rita, clock_hand)
        adam = actor_of(make_admin(name="Adam"))
        take(step, token_request, adam)
        decision = stored(token_request)["decision"]
        assert (decision["by"], decision["at"], decision["response"]) == (
            adam.stamp(),
            datetime.now(UTC),
            WORDS.get(step, ""),
        )

    def test_a_reopened_request_has_no_decision(self, rita, clock_hand):
        token_request = request_in("rejected", rita, clock_hand)
        assert review.reopen(token_request, by=rita, note="Another look").decision is None

    def test_every_step_in_the_table_has_a_way_to_be_taken(self):
        taken = {
            (Status(status), Status(STEPS[step][1])): Role.REVIEWER
            for status, steps in BY_REVIEWER.items()
            for step in steps
        }
        taken |= {
            (Status(status), Status(STEPS[step][1])): Role.OWNER for status, steps in BY_OWNER.items() for step in steps
        }
        taken |= {(Status(status), Status.EXPIRED): Role.SYSTEM for status in ("pending", "needs_info")}
        assert taken == TRANSITIONS

    def test_a_request_that_is_gone_is_not_found(self, rita):
        token_request = make_request()
        token_request.delete()
        for step in STEPS:
            with pytest.raises(NotFound):
                take(step, token_request, rita)


class TestOwnRequests:
    @pytest.mark.parametrize("roles", [["reviewer"], ["admin"]])
    def test_nobody_decides_their_own(self, roles, rita, clock_hand):
        owner = make_user(roles=roles)
        for status, steps in BY_REVIEWER.items():
            TokenRequest.objects.delete()
            token_accounts.reset(owner.id, by=OPERATOR, reason="For the next one")
            token_request = request_in(status, rita, clock_hand, owner)
            for step in steps:
                assert outcome(take, step, token_request, actor_of(owner)) == "Forbidden"
            assert stored(token_request)["status"] == status


class TestRepeats:
    @pytest.mark.parametrize(
        ("status", "step"),
        [
            ("pending", "approve"),
            ("pending", "reject"),
            ("pending", "mark_spam"),
            ("pending", "ask"),
            ("pending", "withdraw"),
            ("needs_info", "answer"),
            ("rejected", "reopen"),
            ("approved", "revoke"),
        ],
    )
    def test_the_same_person_repeating_the_same_step_gets_the_same_answer_with_one_effect(
        self, status, step, rita, clock_hand
    ):
        token_request = request_in(status, rita, clock_hand)
        by = acting("owner" if step in OWNERS_STEPS else "reviewer", token_request)
        first = take(step, token_request, by, version=token_request.version)
        before = everything(token_request)
        clock_hand.shift(timedelta(minutes=1))
        for version in (None, token_request.version, first.version):
            again = take(step, token_request, by, version=version)
            assert (again.status, again.version, again.decision) == (first.status, first.version, first.decision)
        assert everything(token_request) == before

    @pytest.mark.parametrize("step", ["approve", "reject", "mark_spam"])
    def test_anybody_else_repeating_it_hears_who_did_it_and_when(self, step, rita, clock_hand):
        token_request = make_request(used=100)
        take(step, token_request, rita)
        decided_at = datetime.now(UTC)
        clock_hand.shift(timedelta(minutes=1))
        before = everything(token_request)
        with pytest.raises(AlreadyDecided) as refused:
            take(step, token_request, OPERATOR)
        assert refused.value.values == {
            "number": token_request.number,
            "status": STEPS[step][1],
            "by": "Rita",
            "at": decided_at,
        }
        assert "Rita" in str(refused.value)
        assert str(decided_at.year) in str(refused.value)
        assert everything(token_request) == before

    def test_the_same_person_with_another_decision_changes_nothing(self, rita):
        token_request = make_request(used=100)
        review.approve(token_request, by=rita, response="Yes.")
        before = everything(token_request)
        assert outcome(review.reject, token_request, by=rita, response="No.") == "AlreadyDecided"
        assert outcome(review.mark_spam, token_request, by=rita) == "AlreadyDecided"
        outcome(review.approve, token_request, by=rita, response="Yes, and more words.")
        assert everything(token_request) == before

    def test_a_person_who_is_called_something_else_by_now_is_the_same_person(self, rita):
        token_request = make_request(used=100)
        review.approve(token_request, by=rita)
        renamed = Actor(rita.kind, rita.id, "Rita Smith", address="192.0.2.7")
        assert review.approve(token_request, by=renamed).status == "approved"
        assert effects_of(token_request)["reset"] == effects_of(token_request)["request.approve"] == 1

    def test_twenty_clicks_at_once_are_one_decision(self, rita, threads):
        token_request = make_request(used=100)
        returned = threads(lambda _: review.approve(token_request, by=rita, version=1, response="Yes."), 20)
        assert {(one.status, one.version, one.decision["response"]) for one in returned} == {("approved", 2, "Yes.")}
        assert effects_of(token_request) == {
            "reset": 1,
            "request_received": 1,
            "request_approved": 1,
            "request.approve": 1,
        }
