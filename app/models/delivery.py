"""What leaves this site: one mail to one person, or one event to one webhook, from when it is due until it has arrived."""

from enum import StrEnum
from typing import Any, ClassVar

from mongoengine import (
    DateTimeField,
    DictField,
    Document,
    EnumField,
    IntField,
    ListField,
    ObjectIdField,
    QuerySet,
    StringField,
)


class Kind(StrEnum):
    """How it leaves."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class State(StrEnum):
    """How far it has come."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


class Deliveries(QuerySet):
    """Queries on deliveries, by name."""

    def in_states(self, states: tuple[State, ...]) -> "Deliveries":
        """Those that have come so far."""
        return self.filter(state__in=[str(state) for state in states])

    def newest_first(self) -> "Deliveries":
        """In the order of lists; ids rise with time, so they are also the key of the pages."""
        return self.order_by("-id")


class Delivery(Document):
    """One delivery. `key` is unique: what is made due twice leaves once.

    A worker takes what has reached `next_at`, and moves that to the end of its lease: a worker that dies leaves the delivery
    to the next one.
    """

    key = StringField(required=True, max_length=300)
    kind = EnumField(Kind, required=True)
    # What stands or falls together: our mail server, or the receiver of one webhook.
    channel = StringField(required=True)
    # The template of a mail, or the name of an event.
    what = StringField(required=True, max_length=100)
    # What the template or the event says; removed once it has arrived, as a mail may hold a link that opens something.
    values = DictField()
    # A mail goes to this user: to the address that they have when it is sent, or to `address` where that is another one.
    user = ObjectIdField()
    address = StringField(max_length=254)
    webhook = ObjectIdField()
    state = EnumField(State, required=True, default=State.WAITING)
    # How often a worker has begun to send it, since it was made or given another try.
    attempts = IntField(required=True, default=0)
    created_at = DateTimeField(required=True)
    # When a worker may take it; missing once it has arrived or is given up.
    next_at = DateTimeField()
    last_error = StringField(default="")
    sent_at = DateTimeField()
    # When a delivery that has ended is removed.
    expires_at = DateTimeField()
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "deliveries",
        "queryset_class": Deliveries,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["key"], "unique": True},
            {"fields": ["kind", "next_at"], "partialFilterExpression": {"next_at": {"$exists": True}}},
            {"fields": ["channel", "next_at"], "partialFilterExpression": {"next_at": {"$exists": True}}},
            {"fields": ["state", "-_id"]},
            {"fields": ["user"], "sparse": True},
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
            {"fields": ["due.at"], "sparse": True},
        ],
    }

    def as_object(self) -> dict[str, str]:
        """How an audit event names this delivery."""
        return {"kind": "delivery", "id": str(self.id)}
