"""Every route of the app, and how to call each: what its address names, and a body that it takes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db
from werkzeug.test import TestResponse

from app import access, clock
from app.access import Access
from app.models.audit_event import Action, AuditEvent
from app.models.delivery import Delivery, Kind, State
from app.models.notice_mail import Topic
from app.models.notification import Notification
from app.models.review_batch import BatchAction
from app.models.user import User
from app.models.webhook import Webhook
from app.openapi import alternatives
from app.security import STATIC_ENDPOINTS, WRITING_METHODS
from app.services import (
    api_keys,
    canned_responses,
    login_sessions,
    notice_mail,
    orders,
    review_batches,
    sign_in_links,
    statistics,
    token_accounts,
    user_changes,
)
from app.services.digests import digest
from app.services.review_batches import Selected
from tests.chatting import make_talker, say
from tests.factories import OPERATOR, actor_of, make_request, make_user
from tests.page_client import PageClient

# What changes by looking: when somebody or a key was last seen.
STAMPS = {
    "users": {"last_seen_at"},
    "login_sessions": {"last_seen_at", "expires_at"},
    "api_keys": {"last_used_at"},
}
COUNTERS = {"rate_limit_windows"}
# The only addresses that enter something by being read: the trail keeps which admin reads what others said, an event a page,
# and who takes along what is about others.
# Each with the event's action, and what its address has to ask for.
AUDITED_READING = {
    "admin_conversations.show": (Action.CONVERSATION_READ, {}),
    "admin_messages.messages": (Action.MESSAGES_SEARCH, {"q": "hello"}),
    "admin_export.ledger_csv": (Action.LEDGER_EXPORT, {}),
    "admin_export.ledger_jsonl": (Action.LEDGER_EXPORT, {}),
    "admin_request_export.requests_csv": (Action.REQUESTS_EXPORT, {}),
    "admin_request_export.requests_jsonl": (Action.REQUESTS_EXPORT, {}),
    "admin_audit.audit_csv": (Action.AUDIT_EXPORT, {}),
    "admin_audit.audit_jsonl": (Action.AUDIT_EXPORT, {}),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address."""

    endpoint: str
    method: str
    rule: str
    names: frozenset[str]
    access: Access | None

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def is_api(self) -> bool:
        """Whether programs call it."""
        return self.rule.startswith("/api/")

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method in WRITING_METHODS

    @property
    def is_static(self) -> bool:
        """Whether it is a file."""
        return self.endpoint in STATIC_ENDPOINTS


def routes(app: Flask) -> list[Route]:
    """All of them."""
    return [
        Route(rule.endpoint, method, rule.rule, frozenset(rule.arguments), access.declared(app, rule.endpoint))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


class World:
    """One user to whom one of everything belongs."""

    def __init__(self, **values: Any) -> None:
        """Makes the user and the things; `values` are the user's."""
        self.owner: User = make_talker(email="owner@example.com", **values)
        request = make_request(self.owner)
        # Both are called by number, so there are as many orders.
        for number in range(request.number):
            orders.place(self.owner, package="basic", key=f"key {number}", by=actor_of(self.owner))
        user_changes.set_phone(self.owner.id, "+7 999 123-45-67", by=OPERATOR)
        said = say(self.owner)
        api_key, _secret = api_keys.create(self.owner.id, name="A program", scopes=["self"], by=OPERATOR)
        _link, token = sign_in_links.create(make_user(), target="/", by=OPERATOR)
        statistics.take()
        # What the variable parts of addresses name. A new part needs a line here.
        self.named = {
            "number": request.number,
            "reference": request.number,
            "conversation_id": said.conversation,
            "assistant_number": 1,
            "message_id": said.id,
            "key_id": api_key.id,
            "user": self.owner.id,
            "user_id": self.owner.id,
            "hold_id": token_accounts.hold(self.owner.id, 1, by=OPERATOR).hold_id,
            "external_id": "u-17",
            "token": token,
            "session_id": digest(login_sessions.start(self.owner)),
            "figure": "balance",
            "role": "support",
            "batch_id": review_batches.start([Selected(request.number)], BatchAction.SPAM, by=OPERATOR).id,
            "notification_id": Notification.objects.of(self.owner.id).first().id,
            "response_id": canned_responses.create(title="Soon", text="Please wait.", by=OPERATOR).id,
            "package": "basic",
            "phone": "79991234567",
            "notice_token": notice_mail.link_token(self.owner.id, Topic.DECIDED),
            "delivery_id": self._delivery(),
            "webhook_id": self._webhook(),
            "event_id": AuditEvent.objects.first().id,
            "filename": "nothing.css",
        }

    def _delivery(self) -> ObjectId:
        mail = {"kind": Kind.MAIL, "channel": "mail", "what": "notice", "state": State.DEAD, "user": self.owner.id}
        return Delivery(key="mail", created_at=clock.now(), **mail).save().id

    def _webhook(self) -> ObjectId:
        facts = {"url": "https://example.com/", "secret": "whsec_eA==", "events": ["tokens.low"]}
        return Webhook(idempotency_key="a form", created_at=clock.now(), **facts).save().id


def url_of(app: Flask, route: Route, named: dict[str, Any]) -> str:
    """The route's address with these things in it."""
    unknown = route.names - named.keys()
    assert not unknown, f"tests/guards/routes.py does not know what {sorted(unknown)} of {route} name"
    filled = re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda found: str(named[found[1]]), route.rule)
    assert "<" not in filled, filled
    return filled


def call(app: Flask, client: PageClient, route: Route, named: dict[str, Any], **options: Any) -> TestResponse:
    """Calls the route; what writes is given a body of the right shape."""
    if route.writes and route.is_api:
        # What takes no body is sent none, not even a form's token.
        body = body_of(app, route)
        options |= {"csrf": False} if body is None else {"json": body}
    elif route.writes:
        options.setdefault("data", {})
    return client.open(url_of(app, route, named), method=route.method, **options)


def body_of(app: Flask, route: Route) -> dict[str, Any] | None:
    """The smallest body that the API's document allows; None where it names none."""
    path = re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", route.rule)
    document = app.api_doc  # type: ignore[attr-defined]
    operation = document["paths"].get(path, {}).get(route.method.lower(), {})
    if "requestBody" not in operation:
        return None
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = alternatives(document["components"]["schemas"], name)[0]
    return {field: schema["properties"][field]["examples"][0] for field in schema.get("required", ())}


def everything() -> dict[str, list[dict[str, Any]]]:
    """All that the database holds, but for what looking may change."""
    return {name: list(_documents(name)) for name in sorted(get_db().list_collection_names()) if name not in COUNTERS}


def _documents(name: str) -> Iterator[dict[str, Any]]:
    for document in get_db()[name].find().sort("_id", 1):
        yield {field: value for field, value in document.items() if field not in STAMPS.get(name, ())}
