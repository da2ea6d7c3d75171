"""A program of somebody else that is told of what happens here."""

from enum import StrEnum
from typing import Any, ClassVar

from mongoengine import BooleanField, DateTimeField, DictField, Document, IntField, ListField, QuerySet, StringField


class Event(StrEnum):
    """What a webhook can be told of."""

    REQUEST_SUBMITTED = "request.submitted"
    REQUEST_DECIDED = "request.decided"
    ORDER_PAID = "order.paid"
    TOKENS_LOW = "tokens.low"


# What a webhook is told when somebody wants to see whether it hears: not chosen, and about nothing.
TEST_EVENT = "test"


class Webhooks(QuerySet):
    """Queries on webhooks, by name."""

    def kept(self) -> "Webhooks":
        """Those that were not removed, the newest first."""
        return self.filter(removed_at=None).order_by("-id")

    def told_of(self, event: str) -> "Webhooks":
        """Those that hear of `event` now."""
        return self.filter(removed_at=None, active=True, events=event)


class Webhook(Document):
    """One receiver. The secret signs what is sent to it, so it is kept as it is; `version` rises with each change."""

    url = StringField(required=True, max_length=2_000)
    secret = StringField(required=True)
    events = ListField(StringField(choices=list(Event)), required=True)
    active = BooleanField(required=True, default=True)
    version = IntField(required=True, default=1)
    # What the form that made it was called: one form makes one webhook, however often it is sent.
    idempotency_key = StringField(required=True, max_length=64)
    created_at = DateTimeField(required=True)
    removed_at = DateTimeField()
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "webhooks",
        "queryset_class": Webhooks,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["removed_at", "-_id"]},
            {"fields": ["events"]},
            {"fields": ["idempotency_key"], "unique": True},
            {"fields": ["due.at"], "sparse": True},
        ],
    }

    def as_object(self) -> dict[str, str]:
        """How an audit event names this webhook."""
        return {"kind": "webhook", "id": str(self.id)}
