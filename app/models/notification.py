"""What a user is told in the app: a kind and its values, of which a page makes a sentence in the reader's language."""

from typing import Any, ClassVar

from bson import ObjectId
from mongoengine import DateTimeField, DictField, Document, ObjectIdField, QuerySet, StringField

# What a user can be told; the sentence that each becomes is in `templates/components/notification.html`.
KINDS = (
    "request_received",
    "request_waiting",
    "request_approved",
    "request_rejected",
    "request_spam",
    "question_asked",
    "question_answered",
    "request_reminder",
    "request_expiring",
    "request_expired",
    "request_revoked",
    "request_reopened",
    "order_waiting",
    "order_discrepancy",
    "order_paid",
    "order_cancelled",
    "order_refunded",
    "supported_listed",
    "supported_closed",
    "tokens_low",
    "allowance_80",
    "allowance_95",
    "allowance_100",
)


class Notifications(QuerySet):
    """Queries on notifications, by name."""

    def of(self, user_id: ObjectId) -> "Notifications":
        """What this user was told."""
        return self.filter(user=user_id)

    def unread(self) -> "Notifications":
        """What has not been marked read."""
        return self.filter(read_at=None)

    def newest_first(self) -> "Notifications":
        """In the order in which they reached the user; ids rise with time, so they are also the key of the pages."""
        return self.order_by("-id")


class Notification(Document):
    """One thing told to one user once: `key` is unique for the user. `url` is a path of this site, or empty."""

    user = ObjectIdField(required=True)
    key = StringField(required=True, max_length=200)
    kind = StringField(required=True, choices=KINDS)
    values = DictField()
    url = StringField(max_length=500, default="")
    # When the thing happened, which may be before it was told.
    created_at = DateTimeField(required=True)
    read_at = DateTimeField()

    meta: ClassVar[dict[str, Any]] = {
        "collection": "notifications",
        "queryset_class": Notifications,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["user", "key"], "unique": True},
            {"fields": ["user", "-_id"]},
            # The only kinds that name somebody else: whoever is erased is erased from them.
            {"fields": ["key"], "partialFilterExpression": {"kind": "request_waiting"}},
            {"fields": ["key"], "partialFilterExpression": {"kind": "order_waiting"}, "name": "order_waiting"},
            {"fields": ["user"], "partialFilterExpression": {"read_at": None}, "name": "unread"},
        ],
    }
