"""A conversation of one user with one assistant; what was said are the messages."""

from typing import Any, ClassVar

from bson import ObjectId
from mongoengine import DateTimeField, DictField, Document, IntField, ListField, ObjectIdField, QuerySet, StringField

LONGEST_TITLE = 80


class Conversations(QuerySet):
    """Queries on conversations, by name."""

    def of(self, user_id: ObjectId) -> "Conversations":
        """This user's own, but for those that are being deleted."""
        return self.filter(user=user_id, removed_at=None)

    def before(self, conversation: "Conversation") -> "Conversations":
        """Those in which something was said last before it was in this one."""
        at = conversation.last_message_at
        earlier = {"$or": [{"last_message_at": {"$lt": at}}, {"_id": {"$lt": conversation.id}}]}
        # Beside the choice, the bound is what an index can begin at.
        return self.filter(__raw__={"last_message_at": {"$lte": at}, **earlier})

    def newest_first(self) -> "Conversations":
        """The one in which something was said last comes first."""
        return self.order_by("-last_message_at", "-id")


class Conversation(Document):
    """`key` is the idempotency key of the message that began it, so that a repeat of that message finds it."""

    user = ObjectIdField(required=True)
    key = StringField(required=True, max_length=200)
    assistant = IntField(required=True)
    title = StringField(required=True, max_length=LONGEST_TITLE)
    created_at = DateTimeField(required=True)
    last_message_at = DateTimeField(required=True)
    # The words of the title, for the search.
    words = ListField(StringField())
    # Since when nobody finds it any more; what was said goes next, then the conversation itself.
    removed_at = DateTimeField()
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "conversations",
        "queryset_class": Conversations,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["user", "key"], "unique": True},
            {"fields": ["user", "-last_message_at", "-_id"]},
            {"fields": ["user", "words", "-_id"]},
            {"fields": ["due.at"], "sparse": True},
            {"fields": ["-last_message_at", "-_id"]},
        ],
    }


def title_from(text: str) -> str:
    """The first line of what was said first, shortened at a word."""
    line = " ".join(text.splitlines()[0].split())
    if len(line) <= LONGEST_TITLE:
        return line
    head = line[: LONGEST_TITLE - 1]
    return f"{head.rpartition(' ')[0] or head}…"
