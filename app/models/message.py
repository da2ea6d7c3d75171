"""What was said in a conversation: by the user, or by the assistant that answers."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from bson import ObjectId
from mongoengine import (
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    IntField,
    ListField,
    LongField,
    ObjectIdField,
    QuerySet,
    StringField,
    queryset_manager,
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


class Failure(StrEnum):
    """Why an answer is not what it should have been."""

    # The model's server could not be reached, or did not answer in time.
    UNAVAILABLE = "unavailable"
    # It does not take what we send: the key, the model's name, the address.
    REFUSED = "refused"
    # It has too much to do.
    BUSY = "busy"
    # It answered, and said nothing.
    EMPTY = "empty"
    # It broke off in the middle, or the process that wrote the answer down died.
    BROKEN_OFF = "broken_off"


class Messages(QuerySet):
    """Queries on messages, by name."""

    def of(self, conversation_id: ObjectId) -> "Messages":
        """What was said in this conversation."""
        return self.filter(conversation=conversation_id)

    def before(self, message: "Message", *, inclusive: bool = False) -> "Messages":
        """What was said earlier than this message; `inclusive`: and the message itself."""
        same_moment = {"created_at": message.created_at, "_id": {"$lte" if inclusive else "$lt": message.id}}
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
    # `words_of` the text, once it is whole: what a search compares with.
    words = ListField(StringField())
    status = StringField(required=True, choices=list(Status), default=Status.DONE.value)
    created_at = DateTimeField(required=True)
    # Of an answer only: who asked, which assistant answers at which price, and how many tokens it was sent.
    by = DictField()
    assistant = IntField()
    price = IntField()
    prompt_tokens = IntField()
    # The most that it may come to, before its price.
    max_tokens = IntField()
    hold_id = StringField()
    lease_until = DateTimeField()
    # Somebody wants its writer to stop.
    stop_asked = BooleanField()
    # Where it failed, or stopped though nobody had asked for that.
    failure = StringField(choices=list(Failure))
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
            {"fields": ["words", "-created_at", "-_id"]},
            {"fields": ["user", "words", "-created_at", "-_id"]},
        ],
    }

    @queryset_manager
    def objects(doc_cls, queryset: Messages) -> Messages:  # noqa: N805 - what MongoEngine calls it.
        """Messages without their words, which only the database reads."""
        return queryset.exclude("words")
