"""Somebody has asked for a new password: kept for a day, whether or not there is a user, so that both take the same work."""

from datetime import timedelta
from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, ListField

KEPT = timedelta(days=1)


class PasswordReset(Document):
    """Only what is due; the link in the mail is signed, and nothing is kept of it."""

    created_at = DateTimeField(required=True)
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "password_resets",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["created_at"], "expireAfterSeconds": int(KEPT.total_seconds())},
            {"fields": ["due.at"], "sparse": True},
        ],
    }
