"""`/api/admin/listing-requests/bulk-action`: one decision on many listing requests."""

import re
from typing import Annotated, Any

from flask import Response
from flask_babel import gettext as _
from pydantic import Field

from app import access
from app.access import requires
from app.models.domain_error import N_, FieldError, InvalidInput
from app.models.permission import Permission
from app.models.review_batch import DONE, BatchAction
from app.routes.api import listing_shapes, reviewing
from app.routes.api.frame import Body, JsonReference, answer, answers, api_blueprint, fields, text
from app.services import listing_requests, review, review_batches, token_requests
from app.services.review_batches import Selected

blueprint = api_blueprint("admin_listing_batches", "Listing requests, for reviewers")
# What is not done by then is left to the worker.
SECONDS = 10
TOLD = frozenset({BatchAction.APPROVE, BatchAction.REJECT})
Skipped = listing_shapes.Skipped
Outcome = tuple[list[int], list[Skipped], list[int]]
_NUMBER = re.compile(r"[0-9]{1,15}")


class BulkAction(Body):
    """One decision on many requests."""

    action: Annotated[BatchAction, Field(strict=False, examples=["reject"])]
    request_ids: list[JsonReference] = Field(
        description="Their numbers or their ids, each once.",
        json_schema_extra={"minItems": 1, "maxItems": reviewing.MOST, "uniqueItems": True},
        examples=[[1, 2, 3]],
    )
    admin_notes: str | None = text(
        0, review.LONGEST_NOTE, "Kept with each request; of a deleted one, in the audit trail.", default=None
    )
    response: str | None = text(
        0, review.LONGEST_RESPONSE, "What the users are told, of an approval or a rejection.", default=None
    )
    dry_run: bool = Field(False, description="Only say what would become of each.")


@blueprint.post("/admin/listing-requests/bulk-action", responses=answers(listing_shapes.BulkOutcome))
@requires(Permission.REQUESTS_REVIEW)
def bulk_action(body: BulkAction) -> Response:
    """Decide up to 200 requests, or delete them; each that cannot be is skipped, with the reason."""
    numbers, unknown = _named(body)
    if body.response and body.action not in TOLD:
        raise InvalidInput(errors={"response": [N_("The user is told something only of an approval or a rejection.")]})
    decide = _forecast if body.dry_run else _do
    with fields(note="admin_notes"):
        done, skipped, left = decide(body, numbers) if numbers else ([], [], [])
    skipped = [*skipped, *(Skipped(id=one, reason="not_found") for one in unknown)]
    counts = {"done": len(done), "skipped": len(skipped)}
    message = (
        _("%(done)s would be updated, %(skipped)s skipped", **counts)
        if body.dry_run
        else _("%(done)s updated, %(skipped)s skipped", **counts)
    )
    return answer(listing_shapes.BulkOutcome(message=message, done=done, skipped=skipped, left=left))


def _do(body: BulkAction, numbers: list[int]) -> Outcome:
    batch = review_batches.start(**_wishes(body, numbers))
    review_batches.perform_for(batch, SECONDS)
    rows = review_batches.get(batch.id, by=access.actor()).rows
    skipped = [Skipped(id=one["number"], reason=one["outcome"]) for one in rows if one["outcome"] not in (None, DONE)]
    left = [one["number"] for one in rows if one["outcome"] is None]
    return [one["number"] for one in rows if one["outcome"] == DONE], skipped, left


def _forecast(body: BulkAction, numbers: list[int]) -> Outcome:
    forecasts = review_batches.forecast(**_wishes(body, numbers))
    skipped = [Skipped(id=one.number, reason=one.refusal.code) for one in forecasts if one.refusal]
    return [one.number for one in forecasts if one.refusal is None], skipped, []


def _wishes(body: BulkAction, numbers: list[int]) -> dict[str, Any]:
    said = {"response": body.response or "", "note": body.admin_notes or ""}
    return {"selected": [Selected(one) for one in numbers], "action": body.action, "by": access.actor(), **said}


def _named(body: BulkAction) -> tuple[list[int], list[int | str]]:
    """The numbers of the requests that are there, in the order given, and the names of those that are not."""
    references = body.request_ids
    if not 1 <= len(references) <= reviewing.MOST:
        wrong = FieldError(N_("Name 1 to %(most)s requests."), most=reviewing.MOST)
        raise InvalidInput(errors={"request_ids": [wrong]})
    found = token_requests.by_references(references, kind=listing_requests.KIND)
    numbers = [found[one] for one in references if one in found]
    unknown = [int(one) if _NUMBER.fullmatch(one) else one for one in references if one not in found]
    if len({*numbers, *unknown}) < len(references):
        raise InvalidInput(errors={"request_ids": [N_("Name each request once.")]})
    return numbers, unknown
