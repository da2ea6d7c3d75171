"""What time does with requests that nobody decides: reminds reviewers, warns the owner, and in the end lets them expire."""

from app import clock
from app.models.domain_error import AlreadyDecided, ChangedMeanwhile, NotFound
from app.models.due_item import due_item
from app.models.token_request import Status, TokenRequest, moments, next_moment
from app.services import due, review, submissions


def wake_due(limit: int = 500) -> int:
    """Does what the time has come for, on up to `limit` requests; returns how many have expired."""
    waking = TokenRequest.objects(wakes_at__lte=clock.now()).order_by("wakes_at").limit(limit)
    return sum(_wake(token_request) for token_request in waking)


def wake_all() -> int:
    """As `wake_due`, until nothing is left; returns how many have expired."""
    expired, waiting = 0, _waiting()
    while waiting:
        expired += wake_due()
        before, waiting = waiting, _waiting()
        if waiting >= before:
            break  # What is left cannot be done now, and the next round tries it again.
    return expired


def _waiting() -> int:
    return int(TokenRequest.objects(wakes_at__lte=clock.now()).count())


def _wake(token_request: TokenRequest) -> bool:
    """Whether the request expired; a reminder or a warning that was slept through is left out."""
    at = clock.now()
    if at >= moments(token_request.waiting_since, submissions.expires_after())["expire"]:
        try:
            review.expire(token_request)
        except (AlreadyDecided, ChangedMeanwhile, NotFound):
            return False  # Somebody decided or changed it at this very moment.
        return True
    _remind(token_request)
    return False


def _remind(token_request: TokenRequest) -> None:
    at = clock.now()
    all_moments = moments(token_request.waiting_since, submissions.expires_after())
    # What an earlier waking did is not told again to those who could not hear it then.
    passed = {name for name, one in all_moments.items() if token_request.wakes_at <= one <= at}
    key = f"request:{token_request.id}:{len(token_request.history)}"
    items = []
    if "remind" in passed and token_request.status == Status.PENDING:
        items.append(
            due_item(
                f"{key}:remind",
                "notify.reviewers",
                at=at,
                kind="request_reminder",
                values={"number": token_request.number},
                url=f"/admin/requests/{token_request.number}",
                except_user=token_request.user,
            )
        )
    if "warn" in passed:
        # Whoever was asked something is warned with the question, as only the answer keeps the request alive.
        question = {"question": token_request.question} if token_request.question else {}
        items.append(
            due_item(
                f"{key}:warn",
                "notify",
                at=at,
                user=token_request.user,
                kind="request_expiring",
                values={"number": token_request.number, **question},
                url=f"/requests/{token_request.number}",
            )
        )
    wakes_at = next_moment(token_request.waiting_since, submissions.expires_after(), after=at)
    # Whoever took a step meanwhile has set another time, or none.
    written = TokenRequest._get_collection().update_one(
        {"_id": token_request.id, "wakes_at": token_request.wakes_at},
        {"$set": {"wakes_at": wakes_at}, "$push": {"due": {"$each": items}}},
    )
    if written.modified_count:
        due.perform(TokenRequest, token_request.id)
