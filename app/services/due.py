"""Does what follows from a change. The one mechanism: an item on the document that changed, a verb that may be done twice.

An item is written in the same update as the change, so that nothing is lost when the process dies in between. The caller does
it at once; the worker does what was left. An item leaves its document only when its verb is done.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine import Document

from app import clock, db
from app.models.account import GrantSource
from app.models.actor import Actor
from app.models.api_key import ApiKey
from app.models.assistant import Assistant
from app.models.canned_response import CannedResponse
from app.models.catalogue_token import CatalogueToken
from app.models.conversation import Conversation
from app.models.delivery import Delivery
from app.models.domain_error import Busy, DomainError, Unavailable
from app.models.message import Message
from app.models.order import Order
from app.models.password_reset import PasswordReset
from app.models.sign_in_link import SignInLink
from app.models.token_account import TokenAccount
from app.models.token_request import TokenRequest
from app.models.user import User
from app.models.webhook import Webhook
from app.services import (
    answers,
    audit,
    catalogue,
    conversations,
    deliveries,
    notifications,
    out_of_tokens,
    password_reset_mail,
    stripe_payments,
    supports,
    token_accounts,
    token_list,
)

log = logging.getLogger(__name__)

# How long an item is left to the caller that wrote it before the worker takes it over.
GRACE = timedelta(seconds=10)
# The worker tries it until it is done: somebody has a right to it.
NEVER_GIVEN_UP = frozenset({"user.erase"})
CARRIERS: tuple[type[Document], ...] = (
    TokenRequest,
    TokenAccount,
    User,
    Conversation,
    Message,
    ApiKey,
    SignInLink,
    CannedResponse,
    Assistant,
    Order,
    CatalogueToken,
    Delivery,
    Webhook,
    PasswordReset,
)


def _grant_to_account(
    *,
    key: str,
    at: datetime,
    user: ObjectId,
    tokens: int,
    source: str,
    by: Mapping[str, Any],
    reason: str,
    reference: Any,
) -> None:
    token_accounts.grant(
        user, tokens, source=GrantSource(source), by=Actor(**by), reason=reason, key=key, reference=reference
    )


def _reset_account(
    *, key: str, at: datetime, user: ObjectId, by: Mapping[str, Any], reason: str, reference: Any
) -> None:
    token_accounts.reset(user, by=Actor(**by), reason=reason, key=key, reference=reference)


def _revoke_from_account(
    *, key: str, at: datetime, user: ObjectId, undoes: str, by: Mapping[str, Any], reason: str, reference: Any
) -> None:
    token_accounts.revoke(user, undoes=undoes, by=Actor(**by), reason=reason, key=key, reference=reference)


def _change_tier_of_account(*, key: str, at: datetime, user: ObjectId, tier: str, by: Mapping[str, Any]) -> None:
    def change(tier: str, key: str) -> None:
        reference, reason = {"user": str(user)}, f"Tier: {tier}"
        token_accounts.change_tier(user, tier, by=Actor(**by), reason=reason, key=key, reference=reference)

    if _tier_of(user) == tier:
        change(tier, key)
    # A later change has an item of its own, which may be done before or in the middle of this one, or of an earlier try of it
    # that was broken off: where the account is left with what this one brought, it is brought to what the user has now.
    while (present := _tier_of(user)) not in (None, tier) and token_accounts.view(user).tier == tier:
        change(present, f"{key}:{ObjectId()}")
        tier = present


def _tier_of(user: ObjectId) -> str | None:
    tier: str | None = User.objects(id=user).scalar("tier").first()
    return tier


def _give_initial_grant(*, key: str, at: datetime, user: ObjectId) -> None:
    token_accounts.grant_initial(user)


def _note_tokens(*, key: str, at: datetime, user: ObjectId) -> None:
    out_of_tokens.note(user)


def _charge_answer(*, key: str, at: datetime, message: ObjectId, tokens: int) -> None:
    answers.charge(message, tokens)


def _remove_conversation(*, key: str, at: datetime, conversation: ObjectId) -> None:
    conversations.remove(conversation)


def _erase_user(*, key: str, at: datetime, user: ObjectId) -> None:
    # It takes steps of requests and orders, whose modules need this one.
    from app.services import personal_erasure  # noqa: PLC0415

    personal_erasure.erase(user)


def _send_password_reset(*, key: str, at: datetime, email: str) -> None:
    password_reset_mail.send(key=key, at=at, email=email)


def _publish_catalogue(*, key: str, at: datetime) -> None:
    token_list.publish()


# Each verb takes the item's key and time and its arguments, and does nothing under a key that it has seen.
VERBS: dict[str, Callable[..., None]] = {
    "account.change_tier": _change_tier_of_account,
    "account.grant": _grant_to_account,
    "account.grant_initial": _give_initial_grant,
    "account.reset": _reset_account,
    "account.revoke": _revoke_from_account,
    "answer.charge": _charge_answer,
    "audit": audit.record,
    "catalogue.add": catalogue.add,
    "catalogue.publish": _publish_catalogue,
    "catalogue.take_out": catalogue.take_out,
    "conversation.remove": _remove_conversation,
    "deliver.event": deliveries.send_event,
    "deliver.mail": deliveries.send_mail,
    "deliver.test_event": deliveries.send_test_event,
    "listing.free_slot": catalogue.free_slot,
    "notify": notifications.notify,
    "notify.billing": notifications.notify_billing,
    "notify.reviewers": notifications.notify_reviewers,
    "payment.give_back": stripe_payments.give_back,
    "password_reset.send": _send_password_reset,
    "supporters.tell": supports.tell,
    "user.erase": _erase_user,
    "users.note_tokens": _note_tokens,
}


def perform(carrier: type[Document], document_id: ObjectId | int) -> bool:
    """Does all that is due on one document by now, in its order; returns whether nothing is left.

    It never fails: the change that brought it here stands. What cannot be done is marked failed with its reason and holds
    nothing else up; what the database did not answer stays for the worker.
    """
    collection = carrier._get_collection()
    try:
        document = collection.find_one({"_id": document_id}, {"due": 1})
        done = [_do(collection, document_id, item) for item in (document or {}).get("due", [])]
    except db.ERRORS as error:
        if not db.is_unanswered(error):
            raise
        log.warning("what follows from a change is left to the worker", exc_info=True)
        return False
    return all(done)


def perform_waiting(limit: int = 500) -> int:
    """Does what callers left undone for longer than the grace; returns how many documents it looked at."""
    looked_at = 0
    for carrier in CARRIERS:
        waiting = {"due": {"$elemMatch": {"at": {"$lte": clock.now() - GRACE}, "failed": None}}}
        # The condition on the array's field is what the index can serve.
        indexed = {"due.at": {"$lte": clock.now() - GRACE}}
        ids = [
            one["_id"] for one in carrier._get_collection().find({"$and": [indexed, waiting]}, {"_id": 1}).limit(limit)
        ]
        for document_id in ids:
            perform(carrier, document_id)
        looked_at += len(ids)
    return looked_at


def retry_failed(carrier: type[Document], document_id: ObjectId, *said: Mapping[str, Any]) -> bool:
    """Gives failed items another try, where there are any, and makes `said` due with that; returns whether nothing is left."""
    tried = {"$map": {"input": "$due", "in": {"$unsetField": {"field": "failed", "input": "$$this"}}}}
    carrier._get_collection().update_one(
        {"_id": document_id, "due.failed": {"$exists": True}},
        [{"$set": {"due": {"$concatArrays": [tried, {"$literal": list(said)}]}}}],
    )
    return perform(carrier, document_id)


def _do(collection: Any, document_id: ObjectId | int, item: Mapping[str, Any]) -> bool:
    # The grace is also for clocks that differ a little.
    if item.get("failed") or item["at"] > clock.now() + GRACE:
        return False
    this = {"key": item["key"], "verb": item["verb"]}
    try:
        VERBS[item["verb"]](key=item["key"], at=item["at"], **item["arguments"])
        collection.update_one({"_id": document_id}, {"$pull": {"due": this}})
    except (Busy, Unavailable):
        return False
    except DomainError as refusal:
        log.warning("%s of %s cannot be done: %s", item["verb"], item["key"], refusal)
        reason = str(refusal)
    except Exception as error:
        if db.is_unanswered(error):
            raise
        # A defect in one verb must not stop what follows from other changes; it is shown on the desk instead.
        log.exception("%s of %s failed", item["verb"], item["key"])
        reason = repr(error)[:500]
    else:
        return True
    if item["verb"] not in NEVER_GIVEN_UP:
        _mark_failed(collection, document_id, this, reason)
    return False


def _mark_failed(collection: Any, document_id: ObjectId | int, this: Mapping[str, Any], reason: str) -> None:
    collection.update_one({"_id": document_id, "due": {"$elemMatch": this}}, {"$set": {"due.$.failed": reason}})
