"""Deciding many requests at once.

The batch is stored first, then its rows are done one by one, each a decision as any other: it may be broken off anywhere, the
worker finishes it, and nothing is decided twice.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock, db
from app.models.actor import Actor
from app.models.domain_error import N_, Busy, DomainError, FieldError, InvalidInput, NotFound, Unavailable
from app.models.plain_text import plain_text
from app.models.review_batch import DONE, FAILED, BatchAction, ReviewBatch
from app.models.token_request import TokenRequest
from app.services import batch_rows, review, rights, token_requests

log = logging.getLogger(__name__)

MOST_ROWS = 1_000
# How long whoever does a batch may be silent before the worker takes it over.
LEASE = timedelta(seconds=30)
# How many rows the worker does before it looks at its other jobs.
ROWS_A_ROUND = 200


@dataclass(frozen=True, slots=True)
class Selected:
    """A request by its number, in the version that the reviewer has seen (None: any)."""

    number: int
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a row would come to: `refusal` None where it would be done, `token_request` None where there is none."""

    number: int
    token_request: TokenRequest | None
    refusal: DomainError | None


def forecast(
    selected: Iterable[Selected],
    action: BatchAction,
    *,
    by: Actor,
    response: str = "",
    granted: int | None = None,
    note: str = "",
) -> list[Forecast]:
    """What `start` would do to each row if nobody does anything meanwhile; nothing is written."""
    rows = _checked(selected, action, by)
    response = plain_text(response, "response", most=review.LONGEST_RESPONSE)
    plain_text(note, "note", most=review.LONGEST_NOTE)
    found = token_requests.by_numbers(row.number for row in rows)
    forecasts = []
    for row in rows:
        token_request, refusal = found.get(row.number), None
        try:
            if token_request is None:
                raise token_requests.not_there()
            batch_rows.check(token_request, action, by=by, version=row.version, response=response, granted=granted)
        except DomainError as error:
            refusal = error
        forecasts.append(Forecast(row.number, token_request, refusal))
    return forecasts


def start(
    selected: Iterable[Selected],
    action: BatchAction,
    *,
    by: Actor,
    response: str = "",
    granted: int | None = None,
    note: str = "",
    batch_id: ObjectId | None = None,
) -> ReviewBatch:
    """Stores what is to be done; `perform` does it. The same `batch_id` again is the same batch, whatever comes with it."""
    rows = _checked(selected, action, by)
    found, at = token_requests.by_numbers(row.number for row in rows), clock.now()
    batch = ReviewBatch(
        id=batch_id or ObjectId(),
        action=action.value,
        response=plain_text(response, "response", most=review.LONGEST_RESPONSE),
        granted=granted,
        note=plain_text(note, "note", most=review.LONGEST_NOTE),
        by=by.trail(),
        rows=[_row(row, found.get(row.number)) for row in rows],
        created_at=at,
        resume_at=at + LEASE,
    )
    batch.validate()
    try:
        ReviewBatch._get_collection().insert_one(batch.to_mongo().to_dict())
    except DuplicateKeyError:
        return get(batch.id, by=by)
    return batch


def perform(batch: ReviewBatch) -> Iterator[Mapping[str, Any]]:
    """Does what is left of the batch, and yields each row as it is done.

    What the database did not answer raises and stays for the worker; what somebody else does at the same time is done once.
    """
    by = Actor(**{**batch.by, "batch": str(batch.id)})
    collection = ReviewBatch._get_collection()
    for place, row in enumerate(batch.rows):
        if row["outcome"] is not None:
            continue
        try:
            done = {**row, **_outcome(batch, row, by)}
        except Busy:
            continue  # The worker tries it again.
        collection.update_one(
            {"_id": batch.id, f"rows.{place}.outcome": None},
            {"$set": {f"rows.{place}": done, "resume_at": clock.now() + LEASE}},
        )
        yield done
    # No row without an outcome: a condition with $ne on a list is one on all that is in it.
    collection.update_one(
        {"_id": batch.id, "rows.outcome": {"$ne": None}, "finished_at": None},
        {"$set": {"finished_at": clock.now()}, "$unset": {"resume_at": ""}},
    )


def perform_for(batch: ReviewBatch, seconds: float) -> None:
    """Does what can be done in that time, and leaves the rest to the worker at once."""
    deadline = time.monotonic() + seconds
    for _row_done in perform(batch):
        if time.monotonic() > deadline:
            _hand_over(batch)
            return


def get(batch_id: ObjectId | str, *, by: Actor) -> ReviewBatch:
    """A batch as it stands, for the one whose it is; raises `NotFound` for anybody else."""
    found = ReviewBatch.objects(id=batch_id).first() if ObjectId.is_valid(batch_id) else None
    if found is None or (found.by["kind"], found.by["id"]) != (by.kind, by.id):
        raise NotFound
    return found


def refusal_of(row: Mapping[str, Any]) -> DomainError | None:
    """Why a row was refused; None where it was done, and where it is not done yet."""
    if not (kept := row["refusal"]):
        return None
    errors = {field: [_as_raised(text) for text in texts] for field, texts in kept["errors"].items()}
    return DomainError(kept["text"], errors=errors, **kept["values"])


def resume_left(limit: int = ROWS_A_ROUND) -> int:
    """Goes on with batches that whoever began them has left, `limit` rows at most; returns how many it did. The worker's part."""
    done = 0
    while done < limit and (batch := _take_left()):
        done += sum(1 for _row_done in islice(perform(batch), limit - done))
        if done >= limit:
            _hand_over(batch)
    return done


# --- storing ----------------------------------------------------------------------------------------------------------


def _take_left() -> ReviewBatch | None:
    at = clock.now()
    taken = ReviewBatch._get_collection().find_one_and_update(
        {"resume_at": {"$lte": at}},
        {"$set": {"resume_at": at + LEASE}},
        sort=[("resume_at", 1)],
        return_document=ReturnDocument.AFTER,
    )
    return ReviewBatch._from_son(taken) if taken else None


def _hand_over(batch: ReviewBatch) -> None:
    ReviewBatch._get_collection().update_one(
        {"_id": batch.id, "finished_at": None}, {"$set": {"resume_at": clock.now()}}
    )


def _outcome(batch: ReviewBatch, row: Mapping[str, Any], by: Actor) -> dict[str, Any]:
    try:
        batch_rows.do(batch, row, by)
    except (Busy, Unavailable):
        raise
    except DomainError as refusal:
        # Somebody else who does the same batch may have been faster.
        if row["id"] is None or not batch_rows.was_done(batch, row):
            errors = {field: [_kept(text) for text in texts] for field, texts in refusal.errors.items()}
            kept = {"text": refusal.text, "errors": errors, "values": refusal.values}
            return {"outcome": refusal.code, "refusal": kept}
    except Exception as error:
        if db.is_unanswered(error):
            raise
        # A defect that one row meets must not hold up the rows after it, nor the batch for ever.
        log.exception("request #%s of batch %s failed", row["number"], batch.id)
        if row["id"] is None or not batch_rows.was_done(batch, row):
            return {"outcome": FAILED, "refusal": {"text": repr(error)[:500], "errors": {}, "values": {}}}
    return {"outcome": DONE, "refusal": None}


def _kept(text: str) -> str | dict[str, Any]:
    """A field's error as a row keeps it: with its values apart, so that it can be said in any language."""
    return {"text": text.text, "values": text.values} if isinstance(text, FieldError) else text


def _as_raised(kept: str | Mapping[str, Any]) -> str:
    return kept if isinstance(kept, str) else FieldError(kept["text"], **kept["values"])


def _row(selected: Selected, token_request: TokenRequest | None) -> dict[str, Any]:
    request_id = token_request.id if token_request else None
    return {
        "number": selected.number,
        "id": request_id,
        "version": selected.version,
        "outcome": None,
        "refusal": None,
    }


def _checked(selected: Iterable[Selected], action: BatchAction, by: Actor) -> list[Selected]:
    """The rows without repeats, in the order given; raises `InvalidInput` by field, and `Forbidden`."""
    rights.check_holds(batch_rows.NEEDED[action], by=by)
    rows = list({row.number: row for row in selected}.values())
    if not 1 <= len(rows) <= MOST_ROWS:
        error = FieldError(N_("Select 1 to %(most)s requests."), most=f"{MOST_ROWS:,}")
        raise InvalidInput(errors={"selected": [error]})
    return rows
