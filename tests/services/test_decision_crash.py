"""What a crash interrupts is finished later, once: real processes, killed before and after each of their database commands."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine

from app.models.domain_error import AlreadyPending
from app.models.notification import Notification
from app.models.token_request import TokenRequest
from app.models.user import User
from app.services import due, expiry, ledger_verify, quota_requests, review, token_accounts
from tests.effects import effects_of, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.faults import aftermath
from tests.killing import Killer, forks, killed_at_each, run_and_kill

pytestmark = forks

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def killed_everywhere(mongodb_uri):
    """`killed_everywhere(prepare, work)`: see `killed_at_each`."""
    return partial(killed_at_each, mongodb_uri)


@pytest.fixture(autouse=True)
def clock_hand():
    """A clock that runs, from noon; a test may move it on."""
    with time_machine.travel(START) as traveller:
        yield traveller


@pytest.fixture
def adam():
    return actor_of(make_admin(name="Adam"))


def assert_ledger_is_right(user_id):
    assert [problem for _, problem in ledger_verify.verify([user_id]) if problem] == []


RECEIVED = {"request_received": 1}
APPROVED = {**RECEIVED, "reset": 1, "request_approved": 1, "request.approve": 1}
# Each decision: how a request comes to be decided, the decision, and the effects before and after it, with the tokens used.
DECISIONS = {
    "approve": (
        lambda adam: make_request(used=70),
        lambda one, adam: review.approve(one, by=adam, version=1, response="Yes."),
        ("pending", RECEIVED, 70),
        ("approved", APPROVED, 0),
    ),
    "reject": (
        lambda adam: make_request(used=70),
        lambda one, adam: review.reject(one, by=adam, version=1, response="No."),
        ("pending", RECEIVED, 70),
        ("rejected", {**RECEIVED, "request_rejected": 1, "request.reject": 1}, 70),
    ),
    "revoke": (
        lambda adam: review.approve(make_request(used=70), by=adam),
        lambda one, adam: review.revoke(one, by=adam, reason="A mistake."),
        ("approved", APPROVED, 0),
        ("revoked", {**APPROVED, "revocation": 1, "request_revoked": 1, "request.revoke": 1}, 70),
    ),
    "withdraw": (
        lambda adam: make_request(used=70),
        lambda one, adam: review.withdraw(one, by=actor_of_owner(one)),
        ("pending", RECEIVED, 70),
        ("withdrawn", RECEIVED, 70),
    ),
}


def actor_of_owner(token_request):
    return actor_of(User.objects.get(id=token_request.user))


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_killed_anywhere_has_exactly_its_effects_after_the_next_run(
    decision, killed_everywhere, adam, clock_hand
):
    prepare, decide, before, after = DECISIONS[decision]
    seen = set()
    for token_request, killed in killed_everywhere(lambda: prepare(adam), lambda one: decide(one, adam)):
        left = stored(token_request)
        decided = left["status"] == after[0]
        seen.add((decided, len(left["due"])))
        assert decided or killed
        clock_hand.shift(due.GRACE)
        due.perform_waiting()
        for status, effects, used in [after if decided else before]:
            now = stored(token_request)
            assert (now["status"], now["due"], effects_of(token_request)) == (status, [], effects)
            assert token_accounts.view(token_request.user).used == used
        # Whoever was cut off repeats it, and gets the answer that was lost, or the decision made.
        assert decide(token_request, adam).status == after[0]
        assert (stored(token_request)["due"], effects_of(token_request)) == ([], after[1])
        assert token_accounts.view(token_request.user).used == after[2]
        assert_ledger_is_right(token_request.user)
    # It was cut off before the decision, and after it with each number of things still to do.
    most = max(n for _, n in seen)
    assert seen == {(False, 0), *((True, n) for n in range(most + 1))}
    assert most == {"approve": 4, "reject": 3, "revoke": 4, "withdraw": 0}[decision]


def test_a_worker_killed_anywhere_is_replaced_by_the_next(app, mongodb_uri, killed_everywhere, adam, clock_hand):
    def decided_by_somebody_who_died():
        token_request = make_request(used=70)
        dies = Killer(2, command="findAndModify")
        assert run_and_kill(mongodb_uri, dies, lambda: review.approve(token_request, by=adam))
        assert (stored(token_request)["status"], len(stored(token_request)["due"])) == ("approved", 4)
        clock_hand.shift(due.GRACE)
        return token_request

    for token_request, killed in killed_everywhere(decided_by_somebody_who_died, lambda _: due.perform_waiting()):
        if killed:
            due.perform_waiting()
        assert (stored(token_request)["due"], effects_of(token_request)) == ([], APPROVED)
        assert token_accounts.view(token_request.user).used == 0
        assert_ledger_is_right(token_request.user)
    assert list(aftermath.refused_proofs(app)) == []


def test_an_expiry_killed_anywhere_is_finished_by_the_next_worker(killed_everywhere, clock_hand):
    def old_request():
        token_request = make_request(used=70)
        clock_hand.shift(timedelta(days=30))
        return token_request

    for token_request, _ in killed_everywhere(old_request, lambda _: expiry.wake_due()):
        clock_hand.shift(due.GRACE)
        expiry.wake_due()
        due.perform_waiting()
        now = stored(token_request)
        assert (now["status"], now["due"], len(now["history"])) == ("expired", [], 2)
        assert effects_of(token_request) == {**RECEIVED, "request_expired": 1, "request.expire": 1}


def test_a_submit_killed_anywhere_leaves_a_whole_request_or_none_with_each_notice_once(
    killed_everywhere, adam, clock_hand
):
    reviewers = [adam.id, str(make_user(roles=["reviewer"]).id)]

    def submit(user):
        return quota_requests.submit(user, reason="I ran out.", by=actor_of(user))

    def new_user():
        user = make_user()
        token_accounts.spend(user.id, 70, by=OPERATOR)
        return user

    seen = set()
    for user, killed in killed_everywhere(new_user, submit):
        left = list(TokenRequest._get_collection().find({"user": user.id}))
        seen.add((len(left), sum(len(one["due"]) for one in left)))
        assert len(left) == 1 or killed
        clock_hand.shift(due.GRACE)
        due.perform_waiting()
        if not left:
            assert Notification.objects(user=user.id).count() == 0
            assert quota_requests.can_submit(user).can_request
        # Whoever was cut off tries again: it is there already, or is made now.
        with suppress(AlreadyPending):
            submit(user)
        (whole,) = TokenRequest._get_collection().find({"user": user.id})
        assert (whole["status"], whole["version"], whole["reason"], whole["due"]) == ("pending", 1, "I ran out.", [])
        assert (whole["open_key"], whole["day_key"]) == (f"quota:{user.id}", f"quota:{user.id}:2026-03-10:1")
        assert whole["usage"] == {"token_count": 70, "request_count": 1}
        assert len(whole["history"]) == 1
        assert not left or whole["_id"] == left[0]["_id"]
        told = Notification.objects(key=f"request:{whole['_id']}:0")
        assert sorted((str(one.user), one.kind) for one in told) == sorted(
            [(str(user.id), "request_received"), *((reviewer, "request_waiting") for reviewer in reviewers)]
        )
    assert seen == {(0, 0), (1, 3), (1, 2), (1, 1), (1, 0)}
    numbers = TokenRequest.objects.scalar("number")
    assert len(numbers) == len(set(numbers))
