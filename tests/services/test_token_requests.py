"""Who may submit a quota request, how often, and with what."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine

from app.models.domain_error import AlreadyPending, DailyLimit, InvalidInput
from app.models.notification import Notification
from app.models.token_request import OPEN, QuotaRequest, TokenRequest
from app.services import expiry, numbers, quota_requests, review, token_accounts, token_requests, user_changes
from tests.bad_texts import BLANK, NOT_TEXT, UNUSABLE, too_long
from tests.effects import outcome, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user

MILLISECOND = timedelta(milliseconds=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 11, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands at noon, so that no test begins on one day and ends on the next; a test may move it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann():
    return make_user("ann@example.com", name="Ann")


def submit(user, reason="I ran out."):
    return quota_requests.submit(user, reason=reason, by=actor_of(user))


def withdraw(token_request, user):
    return review.withdraw(token_request, by=actor_of(user))


def submit_and_withdraw(user, times):
    for _ in range(times):
        withdraw(submit(user), user)


class TestSubmitting:
    def test_a_request_is_pending_and_knows_who_when_why_and_what_was_used(self, ann):
        token_accounts.spend(ann.id, 300, by=OPERATOR)
        token_accounts.spend(ann.id, 400, by=OPERATOR)
        token_request = token_requests.by_id(submit(ann, "I am preparing a talk.").id)
        assert isinstance(token_request, QuotaRequest)
        assert (token_request.user, token_request.kind, token_request.status) == (ann.id, "quota", "pending")
        assert (token_request.reason, token_request.submitted_at) == ("I am preparing a talk.", NOON)
        assert token_request.usage == {"token_count": 700, "request_count": 2}
        assert (token_request.decision, token_request.notes, token_request.due) == (None, [], [])
        assert token_request.is_open
        (step,) = token_request.history
        assert (step["from_status"], step["to_status"], step["at"]) == (None, "pending", NOON)
        assert step["by"] == {"kind": "user", "id": str(ann.id), "name": "Ann"}

    def test_the_user_and_every_reviewer_hear_of_it_once(self, ann):
        reviewers = [make_admin(), make_user(roles=["reviewer"])]
        others = [make_user(roles=["support"]), make_user()]
        former = make_user(roles=["reviewer"])
        user_changes.deactivate(former.id, by=OPERATOR)
        token_request = submit(ann)
        (mine,) = Notification.objects(user=ann.id)
        assert (mine.kind, mine["values"]) == ("request_received", {"number": token_request.number})
        for reviewer in reviewers:
            (told,) = Notification.objects(user=reviewer.id)
            assert (told.kind, told["values"]["number"], told["values"]["name"]) == (
                "request_waiting",
                token_request.number,
                "Ann",
            )
        assert not Notification.objects(user__in=[user.id for user in [*others, former]])

    def test_a_reviewer_who_asks_is_told_as_a_requester_only(self):
        reviewer = make_user(roles=["reviewer"])
        submit(reviewer)
        assert [told.kind for told in Notification.objects(user=reviewer.id)] == ["request_received"]

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("x", "x"),
            ("x" * 500, "x" * 500),
            ("  padded\n", "padded"),
            (" " * 300 + "x" * 500 + " " * 300, "x" * 500),
            ("two\r\nlines\tand a tab", "two\nlines\tand a tab"),
            ("😀" * 500, "😀" * 500),
            ("family 👨‍👩‍👧‍👦, flag 🏴󠁧󠁢󠁳󠁣󠁴󠁿", "family 👨‍👩‍👧‍👦, flag 🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
            ("نفدت رموزي — אזלו לי האסימונים", "نفدت رموزي — אזלו לי האסימונים"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("$set: {$where: 1}", "$set: {$where: 1}"),
            ("%(number)s %s {0}", "%(number)s %s {0}"),
        ],
    )
    def test_a_reason_is_kept_as_written_but_trimmed(self, ann, given, kept):
        assert stored(submit(ann, given))["reason"] == kept

    @pytest.mark.parametrize("reason", [*NOT_TEXT, *BLANK, *UNUSABLE, *too_long(500)])
    def test_a_bad_reason_is_refused_by_its_field_and_nothing_is_stored(self, ann, reason):
        with pytest.raises(InvalidInput) as refused:
            submit(ann, reason)
        assert list(refused.value.errors) == ["reason"]
        assert TokenRequest.objects.count() == Notification.objects.count() == 0

    def test_five_hundred_characters_may_carry_line_ends_as_browsers_send_them(self, ann):
        assert len(submit(ann, "x\r\n" * 250).reason) == 499

    def test_an_inactive_user_may_not(self, ann):
        inactive = user_changes.deactivate(ann.id, by=OPERATOR)
        assert outcome(submit, inactive) == "UserInactive"
        assert TokenRequest.objects.count() == 0

    def test_without_an_allowance_there_is_nothing_to_reset(self):
        assert outcome(submit, make_user(tier="prepaid")) == "NoAllowance"
        assert TokenRequest.objects.count() == 0

    def test_what_counts_is_the_account_and_not_the_tier_that_the_user_once_had(self, ann):
        token_accounts.change_tier(ann.id, "prepaid", by=OPERATOR, reason="Moved")
        assert outcome(submit, ann) == "NoAllowance"

    def test_having_tokens_left_refuses_nobody(self, ann):
        assert token_accounts.view(ann.id).available == 150_000
        assert outcome(submit, ann) == "done"

    @pytest.mark.parametrize("status", ["pending", "needs_info"])
    def test_one_open_request_refuses_a_second_and_is_named(self, ann, status):
        first = submit(ann)
        if status == "needs_info":
            review.ask(first, by=OPERATOR, question="What for?")
        with pytest.raises(AlreadyPending) as refused:
            submit(ann)
        assert refused.value.values["number"] == first.number
        assert (refused.value.status, str(refused.value)) == (400, "You already have a pending token request")
        assert TokenRequest.objects.count() == 1

    def test_an_open_request_refuses_nobody_else(self, ann):
        submit(ann)
        assert outcome(submit, make_user()) == "done"

    @pytest.mark.parametrize(
        "end",
        [
            lambda one, owner: review.approve(one, by=OPERATOR),
            lambda one, owner: review.reject(one, by=OPERATOR, response="Not now."),
            lambda one, owner: review.mark_spam(one, by=OPERATOR),
            lambda one, owner: review.withdraw(one, by=owner),
            lambda one, owner: review.revoke(review.approve(one, by=OPERATOR), by=OPERATOR, reason="A mistake."),
        ],
        ids=["approved", "rejected", "spam", "withdrawn", "revoked"],
    )
    def test_a_request_that_has_ended_frees_the_slot(self, ann, end):
        end(submit(ann), actor_of(ann))
        assert outcome(submit, ann) == "done"

    def test_an_expired_request_frees_the_slot(self, ann, clock_hand):
        submit(ann)
        clock_hand.move_to(NOON + timedelta(days=30))
        assert expiry.wake_due() == 1
        assert outcome(submit, ann) == "done"


class TestThreeADay:
    def test_a_fourth_of_the_day_is_refused_and_told_when_again(self, ann):
        submit_and_withdraw(ann, 3)
        with pytest.raises(DailyLimit) as refused:
            submit(ann)
        assert refused.value.values == {"limit": 3, "next_allowed_at": MIDNIGHT}
        assert (refused.value.status, str(refused.value)) == (429, "Maximum 3 token requests per day")
        assert TokenRequest.objects.count() == 3

    def test_already_pending_wins_over_the_cap(self, ann):
        submit_and_withdraw(ann, 2)
        submit(ann)
        assert outcome(submit, ann) == "AlreadyPending"

    def test_every_request_counts_however_it_ended(self, ann):
        withdraw(submit(ann), ann)
        review.reject(submit(ann), by=OPERATOR, response="No.")
        review.approve(submit(ann), by=OPERATOR)
        assert outcome(submit, ann) == "DailyLimit"

    def test_a_reopened_request_counts_for_the_day_it_was_submitted_on(self, ann, clock_hand):
        rejected = review.reject(submit(ann), by=OPERATOR, response="No.")
        clock_hand.move_to(MIDNIGHT)
        withdraw(review.reopen(rejected, by=OPERATOR, note="Another look"), ann)
        submit_and_withdraw(ann, 3)
        assert outcome(submit, ann) == "DailyLimit"

    def test_a_refused_submit_counts_for_nothing(self, ann):
        for reason in ("", "x" * 501):
            assert outcome(submit, ann, reason) == "InvalidInput"
        first = submit(ann)
        for _ in range(5):
            assert outcome(submit, ann) == "AlreadyPending"
        withdraw(first, ann)
        submit_and_withdraw(ann, 2)
        assert outcome(submit, ann) == "DailyLimit"

    def test_each_user_has_a_day_of_their_own(self, ann):
        submit_and_withdraw(ann, 3)
        assert outcome(submit, make_user()) == "done"

    def test_the_cap_is_a_setting(self, ann, app, monkeypatch):
        monkeypatch.setitem(app.config, "QUOTA_REQUESTS_A_DAY", 1)
        submit_and_withdraw(ann, 1)
        assert outcome(submit, ann) == "DailyLimit"
        monkeypatch.setitem(app.config, "QUOTA_REQUESTS_A_DAY", 2)
        submit_and_withdraw(ann, 1)
        assert outcome(submit, ann) == "DailyLimit"

    @pytest.mark.parametrize(
        ("zone", "now", "next_day"),
        [
            ("UTC", "2026-03-10T23:59:59.998Z", "2026-03-11T00:00Z"),
            ("UTC", "2026-03-10T00:00Z", "2026-03-11T00:00Z"),
            # East and west of Greenwich it is another date for part of the day.
            ("Asia/Tokyo", "2026-03-10T15:30Z", "2026-03-11T15:00Z"),
            ("America/Los_Angeles", "2026-01-10T07:30Z", "2026-01-10T08:00Z"),
            ("Asia/Kathmandu", "2026-03-10T18:00Z", "2026-03-10T18:15Z"),
            # A day of 23 hours, and one of 25.
            ("Europe/Berlin", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
            ("Europe/Berlin", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
            # A day that begins at 01:00, because there was no midnight; and one with two midnights, of which the first counts.
            ("Africa/Cairo", "2023-04-27T12:00Z", "2023-04-27T22:00Z"),
            ("America/Havana", "2022-11-05T12:00Z", "2022-11-06T04:00Z"),
            ("America/Havana", "2022-11-06T04:30Z", "2022-11-07T05:00Z"),
        ],
    )
    def test_a_day_begins_at_midnight_in_the_apps_time_zone(self, app, monkeypatch, clock_hand, zone, now, next_day):
        monkeypatch.setitem(app.config, "TIME_ZONE", zone)
        begins = datetime.fromisoformat(next_day)
        clock_hand.move_to(datetime.fromisoformat(now))
        ann = make_user()
        submit_and_withdraw(ann, 3)
        eligibility = quota_requests.can_submit(ann)
        assert (eligibility.reason_code, eligibility.next_allowed_at) == ("daily_limit", begins)
        assert eligibility.next_allowed_at.utcoffset() == timedelta(0)
        clock_hand.move_to(begins - MILLISECOND)
        assert outcome(submit, ann) == "DailyLimit"
        clock_hand.move_to(begins)
        assert quota_requests.can_submit(ann).requests_today == 0
        submit_and_withdraw(ann, 3)
        assert outcome(submit, ann) == "DailyLimit"


class TestEligibility:
    def test_a_user_with_an_allowance_and_nothing_open_can(self, ann):
        eligibility = quota_requests.can_submit(ann)
        assert (eligibility.can_request, eligibility.has_pending, eligibility.reason_code) == (True, False, None)
        assert (eligibility.requests_today, eligibility.max_requests_per_day) == (0, 3)
        assert (eligibility.next_allowed_at, eligibility.open_number) == (None, None)

    @pytest.mark.parametrize("status", ["pending", "needs_info"])
    def test_an_open_request_is_the_reason_and_named(self, ann, status):
        token_request = submit(ann)
        if status == "needs_info":
            review.ask(token_request, by=OPERATOR, question="What for?")
        eligibility = quota_requests.can_submit(ann)
        assert (eligibility.can_request, eligibility.has_pending, eligibility.reason_code) == (False, True, "pending")
        assert (eligibility.requests_today, eligibility.next_allowed_at) == (1, None)
        assert eligibility.open_number == token_request.number

    def test_pending_is_the_reason_even_when_the_day_is_used_up(self, ann):
        submit_and_withdraw(ann, 2)
        submit(ann)
        eligibility = quota_requests.can_submit(ann)
        assert (eligibility.reason_code, eligibility.requests_today) == ("pending", 3)

    def test_the_days_cap_is_the_reason_with_the_time_of_the_next(self, ann):
        submit_and_withdraw(ann, 3)
        eligibility = quota_requests.can_submit(ann)
        assert (eligibility.can_request, eligibility.has_pending, eligibility.reason_code) == (
            False,
            False,
            "daily_limit",
        )
        assert (eligibility.requests_today, eligibility.next_allowed_at) == (3, MIDNIGHT)

    def test_no_allowance_and_a_deactivated_account_are_reasons(self, ann):
        eligibility = quota_requests.can_submit(make_user(tier="prepaid"))
        assert (eligibility.can_request, eligibility.reason_code, eligibility.next_allowed_at) == (
            False,
            "no_allowance",
            None,
        )
        eligibility = quota_requests.can_submit(user_changes.deactivate(ann.id, by=OPERATOR))
        assert (eligibility.can_request, eligibility.reason_code, eligibility.next_allowed_at) == (
            False,
            "inactive",
            None,
        )

    def test_it_says_what_submitting_then_does(self, ann):
        while quota_requests.can_submit(ann).can_request:
            submit_and_withdraw(ann, 1)
        assert TokenRequest.objects.count() == 3
        assert outcome(submit, ann) == "DailyLimit"

    def test_asking_writes_nothing(self, ann):
        quota_requests.can_submit(ann)
        assert TokenRequest.objects.count() == 0
        assert token_accounts.TokenAccount.objects.count() == 0


class TestManyAtOnce:
    def test_fifty_at_once_leave_one_open(self, ann, threads):
        outcomes = threads(lambda _: outcome(submit, ann), 50)
        assert sorted(set(outcomes)) == ["AlreadyPending", "done"]
        assert outcomes.count("done") == 1
        assert TokenRequest.objects(status__in=OPEN).count() == TokenRequest.objects.count() == 1

    def test_fifty_at_once_after_each_decision_leave_exactly_three_over_the_day(self, ann, threads):
        done = []
        for _round in range(5):
            done.append(threads(lambda _: outcome(submit, ann), 50).count("done"))
            for token_request in TokenRequest.objects(status="pending"):
                review.reject(token_request, by=OPERATOR, response="Not now.")
        assert done == [1, 1, 1, 0, 0]
        assert TokenRequest.objects.count() == 3

    def test_exactly_three_also_where_somebody_decides_all_the_while(self, ann, threads):
        def take_part(i):
            if i == 0:
                return decide()
            said = []
            while "DailyLimit" not in said[-1:]:
                said.append(outcome(submit, ann))
            return said.count("done")

        def decide():
            decided = 0
            while decided < 3:
                for token_request in TokenRequest.objects(status="pending"):
                    review.reject(token_request, by=OPERATOR, response="Not now.")
                    decided += 1
            return 0

        assert sum(threads(take_part, 17)) == 3
        assert TokenRequest.objects.count() == 3

    def test_nobody_is_told_of_a_cap_that_is_not_reached(self, threads):
        """A slot that others take and free at that moment is no number of the day."""
        for _round in range(10):
            ann = make_user()
            submit_and_withdraw(ann, 1)

            def submit_then_withdraw(_, ann=ann):
                try:
                    withdraw(submit(ann), ann)
                except (AlreadyPending, DailyLimit) as refusal:
                    taken = TokenRequest.objects(user=ann.id).count()
                    return isinstance(refusal, AlreadyPending) or taken == 3
                return True

            assert all(threads(submit_then_withdraw, 8))

    def test_numbers_are_unique_and_rise(self, threads):
        given = threads(lambda _: [numbers.next_number("these") for _ in range(20)], 10)
        assert sorted(number for some in given for number in some) == list(range(1, 201))
        assert all(earlier < later for some in given for earlier, later in pairwise(some))
        assert numbers.next_number("others") == 1

    def test_requests_that_come_at_once_have_numbers_of_their_own(self, threads):
        people = [make_user() for _ in range(20)]
        before = make_request().number
        given = [one.number for one in threads(lambda i: submit(people[i]), 20)]
        assert len(set(given)) == 20
        assert min(given) > before
        assert make_request().number > max(given)

    def test_a_refusal_takes_no_number_where_nobody_else_is_about(self, ann):
        first = submit(ann)
        outcome(submit, ann)
        outcome(submit, ann, "")
        assert make_request().number == first.number + 1
