"""Who has which request in hand: steers "review next" between reviewers, and never forbids a decision."""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, ReturnDocument

from app import clock
from app.models.actor import Actor
from app.models.token_request import Status, TokenRequest
from app.services import request_kinds

LASTS = timedelta(minutes=10)


def next_for(by: Actor) -> TokenRequest | None:
    """Reserves the oldest pending request that nobody has in hand and is not the reviewer's own; None where there is none."""
    at = clock.now()
    # What the reviewer has in hand was seen, and they ask for the next one: their own reservations are passed over as well.
    free: dict[str, Any] = {
        "status": Status.PENDING.value,
        "kind": {"$in": list(request_kinds.ON_APPROVAL)},
        "reservation.until": {"$not": {"$gt": at}},
    }
    if by.person is not None:
        free["user"] = {"$ne": ObjectId(by.person)}
    reserved = TokenRequest._get_collection().find_one_and_update(
        free,
        {"$set": {"reservation": {"by": by.stamp(), "until": at + LASTS}}},
        sort=[("number", ASCENDING)],
        return_document=ReturnDocument.AFTER,
    )
    return TokenRequest._from_son(reserved) if reserved else None


def release(token_request: TokenRequest, *, by: Actor) -> None:
    """Gives a request back that the reviewer has in hand, so that others get it next."""
    TokenRequest._get_collection().update_one(
        {"_id": token_request.id, "reservation.by": by.stamp()}, {"$set": {"reservation": None}}
    )
