"""A batch goes on: each row is decided once, whoever is killed in the middle and however many take it up."""

import random
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from app.models.audit_event import AuditEvent
from app.models.review_batch import DONE, BatchAction, ReviewBatch
from app.models.token_request import TokenRequest
from app.services import (
    due,
    request_deletion,
    review,
    review_batches,
    user_changes,
)
from app.services.review_batches import LEASE, Selected
from tests.batches import APPROVED, START, make_beta, outcomes, perform, refused, seen
from tests.effects import effects_of, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request
from tests.killing import Killer, forks, killed_at_each, run_and_kill

pytestmark = forks


@pytest.fixture
def killed_everywhere(mongodb_uri):
    """`killed_everywhere(prepare, work)`: see `killed_at_each`."""
    return partial(killed_at_each, mongodb_uri)


class TestGoingOn:
    def test_a_batch_killed_anywhere_is_finished_by_the_worker(self, killed_everywhere, adam, clock_hand):
        def prepare():
            asked = [make_request(used=70), make_beta()]
            return asked, review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam, note="Checked")

        left = set()
        for (asked, batch), _ in killed_everywhere(prepare, lambda subject: perform(subject[1])):
            left.add(ReviewBatch.objects.get(id=batch.id).left)
            clock_hand.shift(LEASE)
            review_batches.resume_left()
            due.perform_waiting()
            done = ReviewBatch.objects.get(id=batch.id)
            assert (outcomes(batch), done.left, done.resume_at) == ([DONE, DONE], 0, None)
            assert effects_of(asked[0]) == APPROVED
            for one in asked:
                now = stored(one)
                assert (now["status"], now["due"], len(now["history"]), len(now["notes"])) == ("approved", [], 2, 1)
                events = AuditEvent.objects(object__id=str(one.id), action="request.approve")
                assert [event.batch for event in events] == [str(batch.id)]
        assert left == {2, 1, 0}

    def test_a_deletion_killed_anywhere_is_finished_by_the_worker(self, killed_everywhere, adam, clock_hand):
        def prepare():
            token_request = refused(adam, clock_hand)
            return token_request, review_batches.start(seen(token_request), BatchAction.DELETE, by=adam)

        for (token_request, batch), _ in killed_everywhere(prepare, lambda subject: perform(subject[1])):
            # The worker may find what is due before it finds the batch.
            clock_hand.shift(LEASE)
            due.perform_waiting()
            review_batches.resume_left()
            assert (outcomes(batch), stored(token_request)) == ([DONE], None)
            events = AuditEvent.objects(object__id=str(token_request.id), action="request.delete")
            assert [event.batch for event in events] == [str(batch.id)]

    def test_what_was_begun_is_deleted_even_by_a_worker_whose_reviewer_lost_the_right(
        self, killed_everywhere, clock_hand
    ):
        def prepare():
            admin = make_admin()
            token_request = refused(OPERATOR, clock_hand)
            return (
                admin,
                token_request,
                review_batches.start(seen(token_request), BatchAction.DELETE, by=actor_of(admin)),
            )

        make_admin()
        for (admin, token_request, batch), _ in killed_everywhere(prepare, lambda subject: perform(subject[2])):
            user_changes.deactivate(admin.id, by=OPERATOR)
            clock_hand.shift(LEASE)
            review_batches.resume_left()
            now = stored(token_request)
            assert (outcomes(batch), now and now.get("removal")) in (([DONE], None), (["forbidden"], None))
            assert (now is None) is (outcomes(batch) == [DONE])

    def test_what_became_of_a_request_after_the_crash_stays(self, adam, mongodb_uri, clock_hand):
        def decided_but_not_written_down():
            token_request = make_request(used=70)
            batch = review_batches.start([Selected(token_request.number)], BatchAction.REJECT, by=adam, response="No.")
            dies = Killer(2, command="findAndModify")
            assert run_and_kill(mongodb_uri, dies, lambda: perform(batch))
            assert (outcomes(batch), stored(token_request)["status"]) == ([None], "rejected")
            return token_request, batch

        token_request, batch = decided_but_not_written_down()
        review.reopen(token_request, by=OPERATOR, note="Another look")
        clock_hand.shift(LEASE)
        review_batches.resume_left()
        assert (outcomes(batch), stored(token_request)["status"]) == ([DONE], "pending")
        assert len(stored(token_request)["history"]) == 3

    def test_two_workers_who_resume_at_once_do_it_once(self, adam, clock_hand, threads):
        asked = [make_request(used=70) for _ in range(20)]
        batch = review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam)
        clock_hand.shift(LEASE)
        assert sorted(threads(lambda _: review_batches.resume_left(), 4)) == [0, 0, 0, 20]
        assert outcomes(batch) == [DONE] * 20
        assert [effects_of(one) for one in asked] == [APPROVED] * 20

    def test_four_who_do_the_same_batch_at_once_do_it_once(self, adam, threads):
        asked = [make_request(used=70) for _ in range(20)]
        batch = review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam, note="Checked")
        threads(lambda _: perform(batch), 4)
        assert outcomes(batch) == [DONE] * 20
        assert [effects_of(one) for one in asked] == [APPROVED] * 20
        assert [len(stored(one)["notes"]) for one in asked] == [1] * 20

    def test_two_batches_on_the_same_requests_decide_each_once(self, adam, threads):
        asked = [make_request(used=70) for _ in range(20)]
        ways = [(BatchAction.APPROVE, adam), (BatchAction.REJECT, actor_of(make_admin()))]
        batches = [review_batches.start(seen(*asked), action, by=by, response="So.") for action, by in ways]
        threads(lambda i: perform(batches[i]), 2)
        for one, *codes in zip(asked, *map(outcomes, batches), strict=True):
            assert sorted(codes) in (["already_decided", DONE], ["changed", DONE])
            effects = effects_of(one)
            assert effects["request.approve"] + effects["request.reject"] == 1
            assert effects["reset"] == effects["request.approve"]

    def test_the_worker_leaves_a_batch_alone_while_somebody_is_at_it(self, adam, clock_hand):
        asked = [make_request() for _ in range(3)]
        batch = review_batches.start(seen(*asked), BatchAction.SPAM, by=adam)
        clock_hand.shift(LEASE - timedelta(seconds=1))
        doing = review_batches.perform(batch)
        next(doing)
        clock_hand.shift(LEASE - timedelta(seconds=1))
        assert review_batches.resume_left() == 0
        clock_hand.shift(timedelta(seconds=2))
        assert review_batches.resume_left() == 2

    def test_the_worker_does_a_bounded_part_at_a_time(self, adam, clock_hand):
        batches = [
            review_batches.start(seen(*(make_request() for _ in range(3))), BatchAction.SPAM, by=adam) for _ in range(2)
        ]
        clock_hand.shift(LEASE)
        done = [review_batches.resume_left(limit=2) for _round in range(5)]
        assert (sum(done), max(done)) == (6, 2)
        assert [outcomes(batch) for batch in batches] == [[DONE] * 3] * 2
        assert ReviewBatch.objects(finished_at=None).count() == 0

    def test_time_that_is_up_leaves_the_rest_to_the_worker_at_once(self, adam):
        asked = [make_request() for _ in range(3)]
        batch = review_batches.start(seen(*asked), BatchAction.SPAM, by=adam)
        review_batches.perform_for(batch, seconds=0)
        assert outcomes(batch) == [DONE, None, None]
        assert review_batches.resume_left() == 2

    def test_a_row_that_is_busy_waits_and_holds_up_no_other(self, adam, clock_hand):
        first, second = refused(adam, clock_hand), refused(adam, clock_hand)
        clock_hand.shift(request_deletion.KEPT)
        batch = review_batches.start(seen(first, second), BatchAction.DELETE, by=adam)
        # Marked by a process that died, with something due that cannot be done yet.
        mark = {"removal": {"by": adam.stamp(), "at": START, "batch": str(batch.id)}, "due": [{"failed": "Later"}]}
        TokenRequest._get_collection().update_one({"_id": first.id}, {"$set": mark})
        perform(batch)
        assert outcomes(batch) == [None, DONE]
        TokenRequest._get_collection().update_one({"_id": first.id}, {"$set": {"due": []}})
        clock_hand.shift(LEASE)
        review_batches.resume_left()
        assert (outcomes(batch), stored(first)) == ([DONE, DONE], None)

    @pytest.mark.parametrize("many", [30, pytest.param(500, marks=pytest.mark.long)])
    def test_many_rows_while_processes_are_killed_are_decided_once(self, adam, mongodb_uri, clock_hand, many):
        chance = random.Random(5)  # noqa: S311 - to repeat a run, not to keep a secret
        asked = [make_request(used=70) for _ in range(many)]
        for one in chance.sample(asked, 10):
            review.mark_spam(one, by=OPERATOR)
        batch = review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam, note="Checked")
        kills = 0
        while ReviewBatch.objects(id=batch.id, finished_at=None).first():
            kills += run_and_kill(mongodb_uri, Killer(chance.randint(1, 6 * many)), review_batches.resume_left)
            clock_hand.shift(LEASE)
        due.perform_waiting()
        assert kills > 5
        assert Counter(outcomes(batch)) == {DONE: many - 10, "already_decided": 10}
        done = set(ReviewBatch.objects.get(id=batch.id).done)
        for one in asked:
            now = stored(one)
            assert (now["due"], len(now["history"])) == ([], 2)
            assert len(now["notes"]) == (one.number in done)
            assert one.number not in done or effects_of(one) == APPROVED
        events = AuditEvent.objects(action="request.approve")
        assert (events.count(), set(events.scalar("batch"))) == (many - 10, {str(batch.id)})
