"""What time does with requests that nobody decides: a reminder, a warning, the end; each once."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.models.notification import Notification
from app.models.token_request import TokenRequest
from app.services import expiry, quota_requests, review
from tests.effects import effects_of, outcome, stored
from tests.factories import OPERATOR, actor_of, make_request, make_user

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands still until a test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def rita():
    return make_user(name="Rita", roles=["reviewer"])


@pytest.fixture
def owner():
    return make_user(name="Olga")


@pytest.fixture
def at(clock_hand):
    """`at(days)` lets time pass until so long after the beginning, and does what is due then."""

    def wake(since):
        clock_hand.move_to(START + since)
        return expiry.wake_due()

    return wake


def told(kind):
    """Who heard of it."""
    return sorted(str(one) for one in Notification.objects(kind=kind).scalar("user"))


def test_reviewers_are_reminded_once_after_seven_days_and_the_owner_is_not(at, owner, rita):
    other = make_user(name="Rolf", roles=["reviewer"])
    token_request = make_request(owner)
    at(7 * DAY - SECOND)
    assert told("request_reminder") == []
    for since in (7 * DAY, 7 * DAY, 7 * DAY + SECOND, 20 * DAY):
        at(since)
        assert told("request_reminder") == sorted([str(rita.id), str(other.id)])
    note = Notification.objects(kind="request_reminder").first()
    assert (note.url, note["values"]) == (f"/admin/requests/{token_request.number}", {"number": token_request.number})


def test_a_reviewer_is_not_reminded_of_their_own(at, rita):
    make_request(rita)
    at(7 * DAY)
    assert told("request_reminder") == []


def test_nobody_is_reminded_of_what_waits_for_the_owner(at, owner):
    review.ask(make_request(owner), by=OPERATOR, question="What for?")
    for days in (7, 8, 26):
        at(days * DAY)
    assert told("request_reminder") == []


@pytest.mark.parametrize("asked", [False, True])
def test_the_owner_is_warned_once_three_days_before_the_end(at, owner, asked):
    token_request = make_request(owner)
    if asked:
        review.ask(token_request, by=OPERATOR, question="What for?")
    at(7 * DAY)
    at(27 * DAY - SECOND)
    assert told("request_expiring") == []
    for since in (27 * DAY, 27 * DAY, 28 * DAY, 30 * DAY - SECOND):
        assert at(since) == 0
        assert told("request_expiring") == [str(owner.id)]
    assert Notification.objects.get(kind="request_expiring").url == f"/requests/{token_request.number}"
    assert at(30 * DAY) == 1
    assert (stored(token_request)["status"], told("request_expired")) == ("expired", [str(owner.id)])
    assert at(60 * DAY) == 0


def test_the_setting_says_when_it_ends(app, monkeypatch, at, owner):
    monkeypatch.setitem(app.config, "REQUEST_EXPIRY_DAYS", 5)
    token_request = make_request(owner)
    at(2 * DAY)
    assert told("request_expiring") == [str(owner.id)]
    assert at(5 * DAY - SECOND) == 0
    assert at(5 * DAY) == 1
    assert (stored(token_request)["status"], told("request_reminder")) == ("expired", [])


def test_an_answer_starts_the_clock_anew(at, owner, rita):
    token_request = make_request(owner)
    at(7 * DAY)
    review.ask(token_request, by=OPERATOR, question="What for?")
    at(20 * DAY)
    review.answer(token_request, by=actor_of(owner), answer="For a talk.")
    at(27 * DAY - SECOND)
    assert (told("request_reminder"), told("request_expiring")) == ([str(rita.id)], [])
    at(27 * DAY)
    assert told("request_reminder") == [str(rita.id)] * 2
    at(47 * DAY)
    assert told("request_expiring") == [str(owner.id)]
    assert at(50 * DAY - SECOND) == 0
    assert at(50 * DAY) == 1


def test_a_reopened_request_waits_anew(at, owner):
    token_request = review.mark_spam(make_request(owner), by=OPERATOR)
    assert at(40 * DAY) == 0
    review.reopen(token_request, by=OPERATOR, note="Another look")
    assert at(70 * DAY - SECOND) == 0
    assert at(70 * DAY) == 1


def test_editing_does_not_start_the_clock_anew(at, owner):
    token_request = make_request(owner)
    at(10 * DAY)
    quota_requests.edit(token_request, reason="Other words", version=1)
    assert at(30 * DAY) == 1


@pytest.mark.parametrize(
    ("slept_until", "reminded", "warned", "expired"),
    [(10 * DAY, 1, 0, 0), (28 * DAY, 1, 1, 0), (30 * DAY, 0, 0, 1), (90 * DAY, 0, 0, 1)],
)
def test_what_was_slept_through_is_not_made_up_for_after_the_end(at, owner, slept_until, reminded, warned, expired):
    token_request = make_request(owner)
    assert at(slept_until) == expired
    assert len(told("request_reminder")) == reminded
    assert len(told("request_expiring")) == warned
    assert stored(token_request)["due"] == []
    # Nothing of it comes a second time.
    assert at(slept_until) == 0
    assert (len(told("request_reminder")), len(told("request_expiring"))) == (reminded, warned)


@pytest.mark.parametrize("days", [7, 27, 30])
def test_two_workers_at_once_tell_everybody_once(at, owner, clock_hand, threads, days):
    asked = [make_request() for _ in range(10)]
    clock_hand.shift(days * DAY)
    expired = threads(lambda _: expiry.wake_due(), 4)
    assert sum(expired) == (10 if days == 30 else 0)
    kinds = {7: "request_reminder", 27: "request_expiring", 30: "request_expired"}
    assert len(told(kinds[days])) == 10
    assert all(stored(one)["due"] == [] for one in asked)
    if days == 30:
        assert all(effects_of(one)["request.expire"] == 1 for one in asked)


def test_a_decision_at_the_same_moment_has_one_outcome(owner, clock_hand, threads):
    for _round in range(10):
        token_request = make_request(used=70)
        clock_hand.shift(30 * DAY)

        def decide_or_expire(i, token_request=token_request):
            return outcome(review.approve, token_request, by=OPERATOR) if i else expiry.wake_due()

        expired, decided = threads(decide_or_expire, 2)
        assert (expired, decided) in ((1, "AlreadyDecided"), (0, "done"))
        effects = effects_of(token_request)
        assert effects["request.expire"] + effects["request.approve"] == 1
        assert effects["reset"] == effects["request.approve"]


def test_a_decided_request_is_left_alone(at, owner):
    token_request = review.approve(make_request(owner), by=OPERATOR)
    assert "wakes_at" not in stored(token_request)
    for days in (7, 27, 30, 90):
        assert at(days * DAY) == 0
    assert told("request_reminder") == told("request_expiring") == []


def test_a_round_is_bounded_and_all_of_it_is_not(clock_hand):
    for _ in range(5):
        make_request()
    clock_hand.shift(30 * DAY)
    assert expiry.wake_due(limit=2) == 2
    assert expiry.wake_all() == 3
    assert TokenRequest.objects(status="expired").count() == 5
