"""What was said in a conversation: by the user, or by the assistant that answers."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from bson import ObjectId
from mongoengine import (
    DateTimeField,
    DictField,
    Document,
    IntField,
    ListField,
    LongField,
    ObjectIdField,
    QuerySet,
    StringField,
)


class Role(StrEnum):
    """Who speaks, in the words of every chat model."""

    USER = "user"
    ASSISTANT = "assistant"


class Status(StrEnum):
    """How far an answer is; what a user says is done at once."""

    STREAMING = "streaming"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Messages(QuerySet):
    """Queries on messages, by name."""

    def of(self, conversation_id: ObjectId) -> "Messages":
        """What was said in this conversation."""
        return self.filter(conversation=conversation_id)

    def before(self, message: "Message") -> "Messages":
        """What was said earlier than this message."""
        same_moment = {"created_at": message.created_at, "_id": {"$lt": message.id}}
        return self.filter(__raw__={"$or": [{"created_at": {"$lt": message.created_at}}, same_moment]})

    def ended(self) -> "Messages":
        """All but answers that are still being written."""
        return self.filter(status__ne=Status.STREAMING.value)

    def newest_first(self) -> "Messages":
        """Backwards in time."""
        return self.order_by("-created_at", "-id")

    def lapsed(self, now: datetime) -> "Messages":
        """Answers whose writer has not been heard of until its lease ran out."""
        return self.filter(status=Status.STREAMING.value, lease_until__lte=now).order_by("lease_until")


class Message(Document):
    """One message. The question and its answer share a `key`, the idempotency key that came with the question.

    While an answer is `streaming`, its writer holds the lease and moves `lease_until` with each save; whoever ends the
    answer does so on the `lease_until` that it read, so that an answer is ended, and charged, once.
    """

    user = ObjectIdField(required=True)
    conversation = ObjectIdField(required=True)
    key = StringField(required=True, max_length=200)
    role = StringField(required=True, choices=list(Role))
    text = StringField(default="")
    status = StringField(required=True, choices=list(Status), default=Status.DONE.value)
    created_at = DateTimeField(required=True)
    # Of an answer only: who asked, which assistant answers at which price, and how many tokens it was sent.
    by = DictField()
    assistant = IntField()
    price = IntField()
    prompt_tokens = IntField()
    hold_id = StringField()
    lease_until = DateTimeField()
    # What the answer cost, once that is known.
    tokens_charged = LongField()
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "messages",
        "queryset_class": Messages,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["user", "key", "role"], "unique": True},
            {"fields": ["conversation", "-created_at", "-_id"]},
            {"fields": ["lease_until"], "partialFilterExpression": {"status": Status.STREAMING.value}},
            {"fields": ["due.at"], "sparse": True},
        ],
    }
