"""Batches of decisions as tests begin them, do them, and look at what came of them."""

from datetime import UTC, datetime, timedelta

from app.models.review_batch import ReviewBatch
from app.services import beta_requests, review, review_batches
from app.services.review_batches import Selected
from tests.factories import actor_of, make_request, make_user

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
APPROVED = {"request_received": 1, "reset": 1, "request_approved": 1, "request.approve": 1}


def make_beta(user=None):
    """A beta request of `user`, or of somebody new."""
    user = user or make_user()
    return beta_requests.submit(user, by=actor_of(user))


def seen(*token_requests):
    """These, as the reviewer's page shows them."""
    return [Selected(one.number, one.version) for one in token_requests]


def perform(batch):
    """Does all of it, and gives it as it is stored then."""
    for _row in review_batches.perform(batch):
        pass
    return ReviewBatch.objects.get(id=batch.id)


def outcomes(batch):
    """What came of each row, as it is stored now."""
    return [row["outcome"] for row in ReviewBatch.objects.get(id=batch.id).rows]


def refused(by, clock_hand, *, days=30):
    """A rejected request whose decision is so many days old."""
    token_request = review.reject(make_request(), by=by, response="No.")
    clock_hand.shift(timedelta(days=days))
    return token_request
