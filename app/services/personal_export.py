"""Everything that is kept about a user, for that user: read in batches while it is taken, so that it may be of any size.

What is kept about others stays out, and so do secrets: a file travels. What reviewers write to each other is theirs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from bson import ObjectId
from limits import RateLimitItemPerHour
from mongoengine import Document

from app import clock
from app.models.actor import Actor
from app.models.api_key import ApiKey
from app.models.audit_event import AuditEvent
from app.models.conversation import Conversation
from app.models.delivery import Delivery
from app.models.login_session import LoginSession
from app.models.message import Message
from app.models.notification import Notification
from app.models.order import Order
from app.models.support import Support
from app.models.token_request import Status, TokenRequest
from app.models.user import User
from app.services import attempts, ledger, ledger_export, own_settings, token_accounts
from app.services.account_moment import Entry

BATCH = 500
EXPORTS_AN_HOUR = RateLimitItemPerHour(10)
ACCOUNT = (
    *("tier", "limit", "period_start", "period_end", "used", "grants", "holds", "balance", "held", "available"),
    *("period_calls", "lifetime_calls", "lifetime_tokens", "last_spend_at"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """The documents of one collection that are about a user, and what is told of each."""

    document: type[Document]
    told: tuple[str, ...]
    about: Callable[[ObjectId], dict[str, Any]] = lambda user_id: {"user": user_id}
    shown: Callable[[dict[str, Any], ObjectId], dict[str, Any]] = lambda one, _user_id: one


def _request(one: dict[str, Any], _user_id: ObjectId) -> dict[str, Any]:
    """A request as its owner reads it: nobody is called a spammer to their face, and reviewers have no names."""
    decision = one.get("decision")
    return one | {
        "status": TokenRequest.heard_as(one["status"]),
        "decision": {name: decision[name] for name in ("at", "response", "granted")} if decision else None,
        "history": [
            {"status": TokenRequest.heard_as(step["to_status"]), "at": step["at"], "note": step["note"]}
            for step in one["history"]
        ],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    """An entry without the name of whoever made it."""
    return ledger_export.row(entry) | {"by": entry["by"]["kind"]}


def _order(one: dict[str, Any], _user_id: ObjectId) -> dict[str, Any]:
    """An order as its owner reads it: who took which step, and what they noted, is for those who manage billing."""
    return one | {"history": [{"status": step["to_status"], "at": step["at"]} for step in one["history"]]}


def _notice(one: dict[str, Any], _user_id: ObjectId) -> dict[str, Any]:
    return one | {"kind": "request_rejected" if one["kind"] == "request_spam" else one["kind"]}


def _concerns(user_id: ObjectId) -> dict[str, Any]:
    """What somebody did, by themselves or by their keys, what was done to them, and which requests of theirs were deleted."""
    return {"$or": [{name: str(user_id)} for name in ("actor.id", "on_behalf_of", "object.id", "before.user")]}


def _heard(said: dict[str, Any]) -> dict[str, Any]:
    return said | {"status": TokenRequest.heard_as(said["status"])} if said.get("status") in set(Status) else said


def _event(one: dict[str, Any], user_id: ObjectId) -> dict[str, Any]:
    """An event without the name and the address of whoever else did it."""
    mine = str(user_id) in (one["actor"]["id"], one["on_behalf_of"])
    return {
        "at": one["at"],
        "action": one["action"],
        "by": one["actor"]["kind"],
        "object": one["object"],
        "before": _heard(one["before"]),
        "after": one["after"],
        "address": one["address"] if mine else None,
    }


PROFILE = Part(
    User,
    (
        *("email", "email_confirmed", "email_change", "phone", "phone_confirmed", "name", "picture_url", "external_id"),
        *("locale", "time_zone", "tier", "permissions", "active", "created_at", "last_seen_at", "out_of_tokens"),
        *("notice_mail", "review_mail"),
    ),
    about=lambda user_id: {"_id": user_id},
)
LISTS: Mapping[str, Part] = {
    "requests": Part(
        TokenRequest,
        (
            *("_id", "number", "kind", "status", "submitted_at", "reason", "usage", "decision", "history", "email"),
            *("token_symbol", "token_name", "blockchain", "contract_address", "decimals", "facts"),
        ),
        shown=_request,
    ),
    "supports": Part(Support, ("request", "at")),
    "orders": Part(
        Order,
        (
            *("number", "package", "tokens", "price_minor", "currency", "provider", "status", "created_at"),
            *("payment", "history"),
        ),
        shown=_order,
    ),
    "conversations": Part(Conversation, ("_id", "assistant", "title", "created_at", "last_message_at")),
    "notifications": Part(Notification, ("kind", "values", "url", "created_at", "read_at"), shown=_notice),
    "mails": Part(Delivery, ("what", "address", "state", "created_at", "sent_at")),
    "api_keys": Part(
        ApiKey,
        ("name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"),
        about=lambda user_id: {"owner": user_id},
    ),
    "sessions": Part(LoginSession, ("created_at", "last_seen_at", "expires_at", "user_agent", "address")),
    "audit_events": Part(
        AuditEvent,
        ("at", "action", "actor", "on_behalf_of", "object", "before", "after", "address"),
        about=_concerns,
        shown=_event,
    ),
}
MESSAGE = Part(
    Message, ("conversation", "role", "text", "status", "failure", "created_at", "assistant", "tokens_charged")
)


def export(user_id: ObjectId, *, by: Actor) -> Iterator[tuple[str, Any]]:
    """The parts by name: an object, or an iterator of objects. Raises `TooManyAttempts` before the first one."""
    user = own_settings.own(user_id, by)
    attempts.count(EXPORTS_AN_HOUR, "personal export", str(user.id))
    account = token_accounts.view(user.id)
    first = {
        "exported_at": clock.now(),
        "profile": next(_rows(PROFILE, user.id)),
        "token_account": {name: _plain(getattr(account, name)) for name in ACCOUNT},
        "ledger": map(_entry, ledger.whole(user.id, ledger.choice(with_holds=True))),
    }
    # Only reads the rest, which needs no settings: whoever takes it may have left the call that asked for it.
    lists = ((name, _rows(part, user.id)) for name, part in LISTS.items())
    return chain(first.items(), lists, [("messages", _messages(user.id))])


def _messages(user_id: ObjectId) -> Iterator[dict[str, Any]]:
    """What was said, one conversation after the other."""
    for conversation in _rows(LISTS["conversations"], user_id):
        yield from _rows(MESSAGE, user_id, conversation=conversation["id"])


def _rows(part: Part, user_id: ObjectId, **more: Any) -> Iterator[dict[str, Any]]:
    """Each batch is a query of its own, so that no cursor waits in the database for a slow reader."""
    about = {**part.about(user_id), **more}
    where, collection = about, part.document._get_collection()
    while batch := list(collection.find(where, [*part.told]).sort("_id", 1).limit(BATCH)):
        for one in batch:
            yield part.shown({name.lstrip("_"): one.get(name) for name in part.told}, user_id)
        where = {"$and": [about, {"_id": {"$gt": batch[-1]["_id"]}}]}


def _plain(value: Any) -> Any:
    return [asdict(one) for one in value] if isinstance(value, list) else value
