"""Deleting many at once: what was refused long ago goes, and nothing that is reopened meanwhile."""

from collections import Counter

import pytest

from app.models.audit_event import AuditEvent
from app.models.domain_error import NotFound
from app.models.review_batch import DONE, BatchAction
from app.services import (
    request_deletion,
    review,
    review_batches,
)
from tests.batches import make_beta, outcomes, perform, refused, seen
from tests.effects import outcome, stored
from tests.factories import OPERATOR, make_user
from tests.killing import Killer, forks, run_and_kill

pytestmark = forks


class TestDeletion:
    @pytest.mark.parametrize(("days", "code"), [(29.99, "too_early"), (30, DONE)])
    def test_what_was_refused_goes_after_thirty_days_and_its_trail_stays(self, days, code, adam, clock_hand):
        token_request = refused(adam, clock_hand, days=days)
        batch = perform(review_batches.start(seen(token_request), BatchAction.DELETE, by=adam, note="Tidying up"))
        assert outcomes(batch) == [code]
        assert (stored(token_request) is None) is (code == DONE)
        trail = set(AuditEvent.objects(object__id=str(token_request.id)).scalar("action"))
        assert trail == {"request.reject", *(["request.delete"] if code == DONE else [])}
        if code == DONE:
            event = AuditEvent.objects.get(action="request.delete")
            assert (event.batch, event.reason, event.actor) == (str(batch.id), "Tidying up", adam.stamp())
            assert event.before == {"status": "rejected", "kind": "quota", "user": str(token_request.user)}
            assert event.object["number"] == token_request.number

    def test_it_gives_the_users_slot_back(self, adam, clock_hand):
        user = make_user()
        token_request = review.mark_spam(make_beta(user), by=adam)
        assert outcome(make_beta, user) == "AlreadyRequested"
        clock_hand.shift(request_deletion.KEPT)
        perform(review_batches.start(seen(token_request), BatchAction.DELETE, by=adam))
        assert outcome(make_beta, user) == "done"

    def test_what_is_being_deleted_cannot_be_reopened(self, adam, clock_hand, mongodb_uri):
        token_request = refused(adam, clock_hand)
        batch = review_batches.start(seen(token_request), BatchAction.DELETE, by=adam)
        dies_when_it_is_marked = Killer(2, command="update")
        assert run_and_kill(mongodb_uri, dies_when_it_is_marked, lambda: perform(batch))
        assert stored(token_request)["removal"]["batch"] == str(batch.id)
        for version in (None, token_request.version):
            with pytest.raises(NotFound):
                review.reopen(token_request, by=OPERATOR, note="Wait", version=version)

    def test_of_deleting_and_reopening_at_once_one_happens(self, adam, clock_hand, threads):
        for _round in range(10):
            token_request = refused(adam, clock_hand)
            batch = review_batches.start(seen(token_request), BatchAction.DELETE, by=adam)

            def race(i, token_request=token_request, batch=batch):
                return outcome(review.reopen, token_request, by=OPERATOR, note="Wait") if i else perform(batch)

            reopened = threads(race, 2)[1] == "done"
            assert (stored(token_request) is not None) is reopened
            assert (outcomes(batch) == [DONE]) is not reopened
            deleted = AuditEvent.objects(action="request.delete", object__id=str(token_request.id)).count()
            assert deleted == (not reopened)

    def test_two_batches_at_once_delete_it_once(self, adam, clock_hand, threads):
        token_request = refused(adam, clock_hand)
        batches = [review_batches.start(seen(token_request), BatchAction.DELETE, by=adam) for _ in range(4)]
        threads(lambda i: perform(batches[i]), 4)
        codes = Counter(code for batch in batches for code in outcomes(batch))
        assert codes[DONE] == 1
        assert set(codes) <= {DONE, "not_found", "changed"}
        assert AuditEvent.objects(action="request.delete").count() == 1
