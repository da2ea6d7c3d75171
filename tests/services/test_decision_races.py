"""What two people do at once has one outcome: real threads, each pair let loose on a request at the same moment."""

import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
import time_machine

from app.models.actor import Actor
from app.models.audit_event import AuditEvent
from app.models.domain_error import AlreadyDecided, ChangedMeanwhile
from app.models.notification import Notification
from app.models.token_request import TokenRequest
from app.services import ledger, quota_requests, review, token_accounts
from tests.effects import DECIDED, effects_of, stored
from tests.factories import actor_of, make_admin, make_request, make_user

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
SOME = 15


@pytest.fixture(autouse=True)
def noon():
    """A clock that runs, but from noon, so that no test crosses midnight."""
    with time_machine.travel(START):
        yield


@pytest.fixture
def admins():
    return [actor_of(make_admin(name="Adam")), actor_of(make_admin(name="Eve"))]


@pytest.fixture
def both(threads):
    """`both(requests, first, second)` does the two to each request at once; gives both outcomes for each request.

    An outcome is what was returned, or the refusal. The barrier makes the two meet at every single request.
    """

    def run(requests, *sides):
        together = threading.Barrier(len(sides))

        def side(i):
            outcomes = []
            for token_request in requests:
                together.wait(timeout=60)
                try:
                    outcomes.append(sides[i](token_request))
                except (AlreadyDecided, ChangedMeanwhile) as refusal:
                    outcomes.append(refusal)
            return outcomes

        outcomes = threads(side, len(sides))
        for unexpected in (one for one in outcomes if isinstance(one, Exception)):
            raise unexpected
        return list(zip(*outcomes, strict=True))

    return run


def new_requests(threads, n, used=70):
    """As many requests of as many people, each of whom had used something."""
    shares = [range(i, n, 4) for i in range(4)]
    made = threads(lambda i: [make_request(used=used) for _ in shares[i]], 4)
    return [token_request for some in made for token_request in some]


def owner_of(token_request):
    return Actor("user", str(token_request.user), "")


def winner_of(outcomes):
    """The one that worked; the other has heard who was quicker, or that the request has changed."""
    (winner,) = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, TokenRequest)]
    return winner


@pytest.mark.parametrize("many", [40, pytest.param(200, marks=pytest.mark.long)])
def test_two_admins_deciding_the_same_requests_at_once_leave_one_effect_each(admins, threads, both, many):
    requests = new_requests(threads, many)
    assert len({one.number for one in requests}) == many
    outcomes = both(
        requests,
        *[lambda one, by=by: review.approve(one, by=by, version=1, response=f"From {by.name}.") for by in admins],
    )
    for token_request, both_said in zip(requests, outcomes, strict=True):
        winner = winner_of(both_said)
        refusal, after = both_said[1 - winner], stored(token_request)
        assert isinstance(refusal, AlreadyDecided)
        assert (refusal.values["by"], refusal.values["status"]) == (admins[winner].name, "approved")
        assert refusal.values["at"] == after["decision"]["at"]
        assert after["decision"]["by"] == admins[winner].stamp()
        assert after["decision"]["response"] == f"From {admins[winner].name}."
        assert (after["version"], len(after["history"]), after["due"]) == (2, 2, [])
        assert token_accounts.view(token_request.user).used == 0
    entries = [entry for one in requests for entry in ledger.history(one.user, types=DECIDED)]
    assert Counter((entry["type"], entry["amount"]) for entry in entries) == {("reset", 70): many}
    assert Notification.objects(kind="request_approved").count() == many
    assert len(Notification.objects(kind="request_approved").distinct("user")) == many
    assert AuditEvent.objects(action="request.approve").count() == many
    assert len(AuditEvent.objects(action="request.approve").distinct("object.id")) == many
    # The two were truly at it together: each was the quicker one at times.
    assert {winner_of(both_said) for both_said in outcomes} == {0, 1}


def test_approve_against_reject_leaves_exactly_one_with_its_effect(admins, threads, both):
    requests = new_requests(threads, SOME)
    outcomes = both(
        requests,
        lambda one: review.approve(one, by=admins[0]),
        lambda one: review.reject(one, by=admins[1], response="Not now."),
    )
    for token_request, both_said in zip(requests, outcomes, strict=True):
        approved = winner_of(both_said) == 0
        assert stored(token_request)["status"] == ("approved" if approved else "rejected")
        assert token_accounts.view(token_request.user).used == (0 if approved else 70)
        what = (
            {"reset": 1, "request_approved": 1, "request.approve": 1}
            if approved
            else {"request_rejected": 1, "request.reject": 1}
        )
        assert effects_of(token_request) == {"request_received": 1, **what}


def test_five_different_decisions_at_once_leave_exactly_one(admins, threads, both):
    requests, (adam, eve) = new_requests(threads, SOME), admins
    outcomes = both(
        requests,
        lambda one: review.approve(one, by=adam),
        lambda one: review.reject(one, by=eve, response="Not now."),
        lambda one: review.mark_spam(one, by=eve),
        lambda one: review.approve(one, by=eve, response="Yes."),
        lambda one: review.withdraw(one, by=owner_of(one)),
    )
    ends = ["approved", "rejected", "spam", "approved", "withdrawn"]
    for token_request, said in zip(requests, outcomes, strict=True):
        status = ends[winner_of(said)]
        after, effects = stored(token_request), effects_of(token_request)
        assert (after["status"], len(after["history"]), after["due"]) == (status, 2, [])
        assert effects["reset"] == (status == "approved")
        assert sum(effects.values()) == {"approved": 4, "rejected": 3, "spam": 3, "withdrawn": 1}[status]


def test_a_decision_against_an_edit_never_decides_on_words_that_the_reviewer_has_not_seen(admins, threads, both):
    requests = new_requests(threads, SOME)
    outcomes = both(
        requests,
        lambda one: review.approve(one, by=admins[0], version=1),
        lambda one: quota_requests.edit(one, reason="Other words", version=1),
    )
    for token_request, both_said in zip(requests, outcomes, strict=True):
        after = stored(token_request)
        if winner_of(both_said) == 0:
            assert isinstance(both_said[1], AlreadyDecided)
            assert (after["status"], after["reason"], after["version"]) == ("approved", "I ran out.", 2)
        else:
            assert isinstance(both_said[0], ChangedMeanwhile)
            assert (after["status"], after["reason"], after["version"]) == ("pending", "Other words", 2)
        assert effects_of(token_request)["reset"] == (after["status"] == "approved")


def test_a_decision_without_a_version_is_made_however_often_the_owner_edits(admins, threads, both):
    requests = new_requests(threads, SOME)

    def edit(token_request):
        for version in range(1, 6):
            quota_requests.edit(token_request, reason=f"Words {version}", version=version)

    outcomes = both(requests, lambda one: review.approve(one, by=admins[0]), edit)
    for token_request, (approved, edited) in zip(requests, outcomes, strict=True):
        assert approved.status == "approved"
        assert edited is None or isinstance(edited, AlreadyDecided)
        after = stored(token_request)
        assert (after["status"], after["reason"]) == ("approved", approved.reason)
        assert effects_of(token_request)["reset"] == 1


def test_a_decision_against_a_withdrawal_leaves_exactly_one(admins, threads, both):
    requests = new_requests(threads, SOME)
    outcomes = both(
        requests,
        lambda one: review.approve(one, by=admins[0], version=1),
        lambda one: review.withdraw(one, by=owner_of(one)),
    )
    for token_request, both_said in zip(requests, outcomes, strict=True):
        approved = winner_of(both_said) == 0
        assert stored(token_request)["status"] == ("approved" if approved else "withdrawn")
        what = {"reset": 1, "request_approved": 1, "request.approve": 1} if approved else {}
        assert effects_of(token_request) == {"request_received": 1, **what}


def test_an_answer_against_a_rejection_leaves_exactly_one(admins, threads, both):
    requests = [review.ask(one, by=admins[0], question="What for?") for one in new_requests(threads, SOME)]
    outcomes = both(
        requests,
        lambda one: review.answer(one, by=owner_of(one), answer="A talk.", version=2),
        lambda one: review.reject(one, by=admins[1], response="Too late.", version=2),
    )
    for token_request, both_said in zip(requests, outcomes, strict=True):
        answered = winner_of(both_said) == 0
        assert stored(token_request)["status"] == ("pending" if answered else "rejected")
        assert effects_of(token_request)["request_rejected"] == (not answered)


def test_one_admin_who_clicks_in_two_windows_has_decided_once(admins, threads, both):
    requests = new_requests(threads, SOME)
    click = lambda one: review.approve(one, by=admins[0], version=1, response="Yes.")  # noqa: E731
    for token_request, both_said in zip(requests, both(requests, click, click), strict=True):
        assert [one.status for one in both_said] == ["approved", "approved"]
        assert effects_of(token_request) == {
            "reset": 1,
            "request_received": 1,
            "request_approved": 1,
            "request.approve": 1,
        }


def test_a_decision_while_its_user_spends_gives_back_exactly_what_was_used_by_then(admins, threads):
    user = make_user()
    token_request = make_request(user, used=70_000)

    def take_part(i):
        if i == 0:
            return review.approve(token_request, by=admins[0])
        return [token_accounts.spend(user.id, 10, by=owner_of(token_request)) for _ in range(20)]

    threads(take_part, 9)
    entries = ledger.history(user.id, limit=1_000)[::-1]
    (reset,) = [entry for entry in entries if entry["type"] == "reset"]
    assert reset["amount"] == -sum(
        entry["amount"] for entry in entries[: entries.index(reset)] if entry["type"] == "usage"
    )
    spent_after = -sum(entry["amount"] for entry in entries[entries.index(reset) + 1 :])
    account = token_accounts.view(user.id)
    assert (account.used, account.balance) == (spent_after, 150_000 - spent_after)
    assert account.lifetime_tokens == 70_000 + 8 * 20 * 10
