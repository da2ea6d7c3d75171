"""Where the name of somebody stands who decided and did things for others: the trail knows each of them."""

from collections.abc import Iterator, Sequence
from typing import Any

from bson import ObjectId

from app.models.audit_event import AuditEvent
from app.models.catalogue_token import CatalogueToken
from app.models.order import Order
from app.models.review_batch import ReviewBatch
from app.models.token_request import Status, TokenRequest
from app.models.user import NOBODY
from app.services import account_commit

BATCH = 500


def forget_names(actors: Sequence[str]) -> None:
    """Leaves the ids of `actors` and no names in all that they had in hand."""
    theirs = {"$in": list(actors)}
    # A bulk decision of which every row was refused, and a reservation, leave no event.
    ReviewBatch._get_collection().update_many(
        {"by.id": theirs}, {"$set": {"by.name": NOBODY}, "$unset": {"by.address": ""}}
    )
    reserved = {"status": str(Status.PENDING), "reservation.by.id": theirs}
    TokenRequest._get_collection().update_many(reserved, {"$set": {"reservation": None}})
    for events in _batches({"actor.id": {"$in": list(actors)}}):
        requests = _objects(events, "request")
        orders = _objects(events, "order")
        owners = [*TokenRequest.objects(id__in=requests).scalar("user"), *Order.objects(id__in=orders).scalar("user")]
        _forget(TokenRequest, requests, "history", actors)
        _forget(TokenRequest, requests, "notes", actors)
        _forget(Order, orders, "history", actors)
        decided = {"_id": {"$in": requests}, "decision.by.id": {"$in": list(actors)}}
        TokenRequest._get_collection().update_many(decided, {"$set": {"decision.by.name": NOBODY}})
        account_commit.forget_names(list({*owners, *_objects(events, "account")}), actors)
        _forget_batches(requests)
        CatalogueToken._get_collection().update_many(
            {"_id": {"$in": _objects(events, "catalogue_token")}, "removal.by.id": theirs},
            {"$set": {"removal.by.name": NOBODY}},
        )


def _batches(where: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The events in the order of their ids, which the writes here do not change."""
    events, after = AuditEvent._get_collection(), where
    while some := list(events.find(after, {"object": 1}).sort("_id", 1).limit(BATCH)):
        yield some
        after = {**where, "_id": {"$gt": some[-1]["_id"]}}


def _objects(events: Sequence[dict[str, Any]], kind: str) -> list[ObjectId]:
    return list({ObjectId(one["object"]["id"]) for one in events if one["object"]["kind"] == kind})


def _forget(document: type[TokenRequest] | type[Order], ids: list[ObjectId], said: str, actors: Sequence[str]) -> None:
    theirs = {"by.id": {"$in": list(actors)}}
    document._get_collection().update_many(
        {"_id": {"$in": ids}, said: {"$elemMatch": theirs}},
        {"$set": {f"{said}.$[one].by.name": NOBODY}},
        array_filters=[{f"one.{name}": value for name, value in theirs.items()}],
    )


def _forget_batches(requests: list[ObjectId]) -> None:
    """The bulk decisions in which they were quicker, of which `by` says who was."""
    quicker = [{"row.id": {"$in": requests}, "row.refusal.values.by": {"$exists": True}}]
    ReviewBatch._get_collection().update_many(
        {"rows.id": {"$in": requests}}, {"$set": {"rows.$[row].refusal.values.by": NOBODY}}, array_filters=quicker
    )
