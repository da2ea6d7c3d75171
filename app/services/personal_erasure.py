"""Erases what is kept about a person who has deleted their account: a verb of `due`, and doing it twice is doing it once.

Amounts, decisions and dates stay, with an id that leads to nobody; names, addresses and free text go.
"""

from typing import Any

from bson import ObjectId

from app.models.actor import Actor
from app.models.api_key import ApiKey
from app.models.audit_event import Action, AuditEvent
from app.models.conversation import Conversation
from app.models.domain_error import AlreadyDecided, Busy
from app.models.login_session import LoginSession
from app.models.message import Message, Status
from app.models.notification import Notification
from app.models.order import Order
from app.models.order import Status as OrderStatus
from app.models.review_batch import ReviewBatch
from app.models.support import Support
from app.models.token_request import OPEN, TokenRequest
from app.models.user import NOBODY
from app.services import account_commit, acts_for_others, api_keys, deliveries, due, order_steps, orders, review


def erase(user_id: ObjectId) -> None:
    """Withdraws, ends and erases all that is theirs; raises `Busy` while an answer to them is still being written."""
    nobody = Actor("user", str(user_id), NOBODY)
    _stop_answers(user_id)
    _withdraw_requests(user_id, nobody)
    _erase_requests(user_id)
    _cancel_orders(user_id, nobody)
    _erase_orders(user_id)
    _erase_notices(user_id)
    _end_keys(user_id, nobody)
    _delete_chats(user_id)
    for document in (LoginSession, Notification, Support):
        document._get_collection().delete_many({"user": user_id})
    deliveries.forget_user(user_id)
    account_commit.forget_person(user_id, _ids(user_id))
    acts_for_others.forget_names(_ids(user_id))
    _erase_trail(user_id)


def _stop_answers(user_id: ObjectId) -> None:
    """Whoever writes one ends it soon, and what it has cost is charged before it goes."""
    Message.objects(user=user_id, status=Status.STREAMING.value).update(stop_asked=True)


def _withdraw_requests(user_id: ObjectId, nobody: Actor) -> None:
    for token_request in TokenRequest.objects.of(user_id).filter(status__in=list(OPEN), removal=None):
        try:
            review.withdraw(token_request, by=nobody)
        except AlreadyDecided:
            # A reviewer was quicker, and the decision stands.
            continue


def _erase_requests(user_id: ObjectId) -> None:
    """What the user wrote, and what others wrote to them and about them; the facts of a crypto token are nobody's."""
    theirs, requests, batches = {"user": user_id}, TokenRequest._get_collection(), ReviewBatch._get_collection()
    ids = _requests(user_id)
    requests.update_many(theirs, {"$set": {"notes": [], "history.$[].note": ""}, "$unset": {"email": "", "facts": ""}})
    requests.update_many({**theirs, "reason": {"$exists": True}}, {"$set": {"reason": ""}})
    requests.update_many({**theirs, "decision.response": {"$exists": True}}, {"$set": {"decision.response": ""}})
    own_steps = [{"step.by.id": {"$in": _ids(user_id)}}]
    requests.update_many(theirs, {"$set": {"history.$[step].by.name": NOBODY}}, array_filters=own_steps)
    # What was said to all who were decided on at once was said to this one too.
    finished = {"rows.id": {"$in": ids}, "finished_at": {"$ne": None}}
    batches.update_many(finished, {"$set": {"response": "", "note": ""}})
    # Who was quicker is said to whoever decided on many at once: that may have been the user, who withdrew one.
    refused = [{"row.id": {"$in": ids}, "row.refusal.values.by": {"$exists": True}}]
    batches.update_many(
        {"rows.id": {"$in": ids}}, {"$set": {"rows.$[row].refusal.values.by": NOBODY}}, array_filters=refused
    )


def _cancel_orders(user_id: ObjectId, nobody: Actor) -> None:
    for order in Order.objects(user=user_id, status=OrderStatus.CREATED.value):
        try:
            order_steps.cancel(order, by=nobody)
        except AlreadyDecided:
            # It was paid at this moment, which stands: whoever manages billing can refund it.
            continue


def _erase_orders(user_id: ObjectId) -> None:
    """What others noted about them, and the name that their program gave an order; what was paid, and where, is of the books."""
    theirs, collection = {"user": user_id}, Order._get_collection()
    own_steps = [{"step.by.id": {"$in": _ids(user_id)}}]
    collection.update_many(theirs, {"$set": {"history.$[].note": ""}})
    collection.update_many(theirs, {"$set": {"history.$[step].by.name": NOBODY}}, array_filters=own_steps)
    collection.update_many(theirs, [{"$set": {"key": {"$concat": [str(user_id), ":", {"$toString": "$_id"}]}}}])


def _erase_notices(user_id: ObjectId) -> None:
    """The name in what admins were told when a request or an order came, or are still to be told."""
    unfinished = {"due.0": {"$exists": True}}
    for carrier in (TokenRequest, Order):
        for document_id in carrier.objects(user=user_id).filter(__raw__=unfinished).scalar("id"):
            due.perform(carrier, document_id)
    hours = {orders.waiting_key(user_id, at) for at in Order.objects(user=user_id).scalar("created_at")}
    keys = {"request_waiting": [f"request:{one}:0" for one in _requests(user_id)], "order_waiting": sorted(hours)}
    for kind, some in keys.items():
        told = {"kind": kind, "key": {"$in": some}}
        Notification._get_collection().update_many(told, {"$set": {"values.name": NOBODY}})


def _end_keys(user_id: ObjectId, nobody: Actor) -> None:
    for api_key in ApiKey.objects.of(user_id).filter(revoked_at=None):
        api_keys.revoke(api_key.id, by=nobody)
    theirs, keys = {"owner": user_id}, ApiKey._get_collection()
    keys.update_many(theirs, {"$set": {"name": NOBODY}})
    keys.update_many({**theirs, "created_by.id": str(user_id)}, {"$set": {"created_by.name": NOBODY}})


def _delete_chats(user_id: ObjectId) -> None:
    said = Message._get_collection()
    # What an answer still has to do with the account is done first.
    unfinished = {"user": user_id, "$or": [{"status": str(Status.STREAMING)}, {"due.0": {"$exists": True}}]}
    if said.find_one(unfinished, {"_id": 1}):
        raise Busy
    said.delete_many({"user": user_id})
    Conversation._get_collection().delete_many({"user": user_id})


def _erase_trail(user_id: ObjectId) -> None:
    """The name and the addresses of the person, and the reasons that others gave for what they did about them."""
    them, keys = str(user_id), {"object.id": {"$in": _ids(user_id)}, "object.kind": "api_key"}
    theirs = [them, *map(str, _requests(user_id)), *map(str, Order.objects(user=user_id).scalar("id"))]
    for who in ("actor.id", "on_behalf_of"):
        _erase_text(user_id, {who: them}, "actor.name", NOBODY)
        _erase_text(user_id, {who: them}, "address", None)
    for name in ("before.name", "after.name"):
        _erase_text(user_id, keys, name, NOBODY)
    _erase_text(user_id, {"object.id": {"$in": theirs}}, "reason", "")
    # What somebody has looked for in what they said.
    _erase_text(user_id, {"object.id": them, "action": Action.MESSAGES_SEARCH.value}, "after.words", [])


def _erase_text(user_id: ObjectId, where: dict[str, Any], path: str, left: object) -> None:
    """Its salt goes in the same update: the digest in the seal then tells nothing, and the seal still holds."""
    erased = {"$set": {path: left}, "$unset": {f"salts.{path}": ""}, "$addToSet": {"erased": str(user_id)}}
    AuditEvent._get_collection().update_many({**where, path: {"$exists": True}}, erased)


def _ids(user_id: ObjectId) -> list[str]:
    """Theirs and those of their keys, under which documents keep who did something."""
    return [str(user_id), *map(str, ApiKey.objects.of(user_id).scalar("id"))]


def _requests(user_id: ObjectId) -> list[ObjectId]:
    """Theirs; those that were deleted are known by the event that says so."""
    deleted = AuditEvent._get_collection().distinct("object.id", {"before.user": str(user_id)})
    return [*TokenRequest.objects.of(user_id).scalar("id"), *map(ObjectId, deleted)]
