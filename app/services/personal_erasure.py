"""Erases what is kept about a person who has deleted their account: a verb of `due`, and doing it twice is doing it once.

Amounts, decisions and dates stay, with an id that leads to nobody; names, addresses and free text go.
"""

from bson import ObjectId

from app.models.actor import Actor
from app.models.api_key import ApiKey
from app.models.audit_event import AuditEvent
from app.models.conversation import Conversation
from app.models.domain_error import AlreadyDecided, Busy
from app.models.login_session import LoginSession
from app.models.message import Message, Status
from app.models.notification import Notification
from app.models.support import Support
from app.models.token_request import OPEN, TokenRequest
from app.models.user import NOBODY
from app.services import account_commit, api_keys, deliveries, due, review


def erase(user_id: ObjectId) -> None:
    """Withdraws, ends and erases all that is theirs; raises `Busy` while an answer to them is still being written."""
    nobody = Actor("user", str(user_id), NOBODY)
    _withdraw_requests(user_id, nobody)
    _erase_requests(user_id)
    _erase_notices(user_id)
    _end_keys(user_id, nobody)
    _delete_chats(user_id)
    for document in (LoginSession, Notification, Support):
        document._get_collection().delete_many({"user": user_id})
    deliveries.forget_user(user_id)
    account_commit.forget_name(user_id)
    _erase_trail(user_id)


def _withdraw_requests(user_id: ObjectId, nobody: Actor) -> None:
    for token_request in TokenRequest.objects.of(user_id).filter(status__in=list(OPEN), removal=None):
        try:
            review.withdraw(token_request, by=nobody)
        except AlreadyDecided:
            # A reviewer was quicker, and the decision stands.
            continue


def _erase_requests(user_id: ObjectId) -> None:
    """What the user wrote, and what others wrote to them and about them; the facts of a crypto token are nobody's."""
    theirs, requests = {"user": user_id}, TokenRequest._get_collection()
    requests.update_many(theirs, {"$set": {"notes": [], "history.$[].note": ""}, "$unset": {"email": "", "facts": ""}})
    requests.update_many({**theirs, "reason": {"$exists": True}}, {"$set": {"reason": ""}})
    requests.update_many({**theirs, "decision.response": {"$exists": True}}, {"$set": {"decision.response": ""}})
    own_steps = [{"step.by.id": str(user_id)}]
    requests.update_many(theirs, {"$set": {"history.$[step].by.name": NOBODY}}, array_filters=own_steps)


def _erase_notices(user_id: ObjectId) -> None:
    """The name in what reviewers were told when a request came, or are still to be told."""
    for request_id in TokenRequest.objects.of(user_id).filter(__raw__={"due.0": {"$exists": True}}).scalar("id"):
        due.perform(TokenRequest, request_id)
    keys = [f"request:{request_id}:0" for request_id in _requests(user_id)]
    told = {"kind": "request_waiting", "key": {"$in": keys}}
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
    events, them = AuditEvent._get_collection(), str(user_id)
    events.update_many({"actor.id": them}, {"$set": {"actor.name": NOBODY}, "$unset": {"address": ""}})
    events.update_many({"on_behalf_of": them}, {"$unset": {"address": ""}})
    theirs = [them, *map(str, _requests(user_id))]
    events.update_many({"object.id": {"$in": theirs}}, {"$set": {"reason": ""}})


def _requests(user_id: ObjectId) -> list[ObjectId]:
    return list(TokenRequest.objects.of(user_id).scalar("id"))
