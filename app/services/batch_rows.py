"""One row of a batch: whether it can be done, doing it, and whether the batch has done it before a crash."""

from collections.abc import Callable, Mapping
from typing import Any

from app.models.actor import Actor
from app.models.domain_error import N_, InvalidInput
from app.models.permission import Permission
from app.models.plain_text import plain_text
from app.models.review_batch import BatchAction, ReviewBatch
from app.models.token_request import Status, TokenRequest
from app.services import request_deletion, request_kinds, review, rights, token_requests

NEEDED = {
    BatchAction.APPROVE: frozenset({Permission.REQUESTS_REVIEW}),
    BatchAction.REJECT: frozenset({Permission.REQUESTS_REVIEW}),
    BatchAction.SPAM: frozenset({Permission.REQUESTS_REVIEW}),
    BatchAction.DELETE: frozenset({Permission.REQUESTS_REVIEW, Permission.USERS_MANAGE}),
}
LEADS_TO = {BatchAction.APPROVE: Status.APPROVED, BatchAction.REJECT: Status.REJECTED, BatchAction.SPAM: Status.SPAM}


def check(
    token_request: TokenRequest,
    action: BatchAction,
    *,
    by: Actor,
    version: int | None = None,
    response: str = "",
    granted: int | None = None,
) -> None:
    """Raises what doing it would raise now; nothing is written."""
    if action is BatchAction.DELETE:
        request_deletion.check(token_request, by=by, version=version)
        return
    review.check(token_request, LEADS_TO[action], by=by, version=version)
    if action is BatchAction.REJECT and token_request.kind in request_kinds.RESPONSE_REQUIRED:
        _check_explained(response)
    if action is BatchAction.APPROVE:
        request_kinds.granted(token_request.kind, _for_kind(token_request.kind, granted))


def do(batch: ReviewBatch, row: Mapping[str, Any], by: Actor) -> None:
    """Does what the batch asks for, unless it has already; raises what `check` raises."""
    if row["id"] is None:
        raise token_requests.not_there()
    if was_done(batch, row):
        return
    token_request = token_requests.by_id(row["id"])
    if request_deletion.is_begun(token_request, batch=str(batch.id)):
        request_deletion.finish(token_request)
        return
    action = BatchAction(batch.action)
    # Whoever began the batch may have lost the right to it meanwhile.
    rights.check_holds(NEEDED[action], by=by)
    check(token_request, action, by=by, version=row["version"], response=batch.response, granted=batch.granted)
    _do(token_request, action, batch, by)


def was_done(batch: ReviewBatch, row: Mapping[str, Any]) -> bool:
    """Whether this batch has done the row, whatever became of the request since."""
    if batch.action == BatchAction.DELETE:
        gone = TokenRequest.objects(id=row["id"]).first() is None
        return gone and request_deletion.was_deleted(row["id"], batch=str(batch.id))
    return TokenRequest.objects(id=row["id"], __raw__={"history.batch": str(batch.id)}).first() is not None


def _do(token_request: TokenRequest, action: BatchAction, batch: ReviewBatch, by: Actor) -> None:
    # The version is the one that was checked just now: what has changed since is not decided unseen.
    seen: dict[str, Any] = {"by": by, "version": token_request.version}
    said: dict[str, Any] = {"response": batch.response, "note": batch.note}
    granted = _for_kind(token_request.kind, batch.granted)
    steps: dict[BatchAction, Callable[[], object]] = {
        BatchAction.APPROVE: lambda: review.approve(token_request, **seen, **said, granted=granted),
        BatchAction.REJECT: lambda: review.reject(token_request, **seen, **said),
        BatchAction.SPAM: lambda: review.mark_spam(token_request, **seen, note=batch.note),
        BatchAction.DELETE: lambda: request_deletion.delete(token_request, **seen, reason=batch.note),
    }
    steps[action]()


def _check_explained(response: str) -> None:
    try:
        plain_text(response, "response", least=1, most=review.LONGEST_RESPONSE)
    except InvalidInput:
        raise InvalidInput(errors={"response": [N_("It needs a message: the user reads why.")]}) from None


def _for_kind(kind: str, granted: int | None) -> int | None:
    """What was chosen for all counts for the kinds of which somebody chooses."""
    return granted if kind in request_kinds.GRANTS else None
