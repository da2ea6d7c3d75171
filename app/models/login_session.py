"""A browser that is signed in: one row, found by the hash of the token in its cookie."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, Document, IntField, ObjectIdField, StringField


class LoginSession(Document):
    """`id` is the SHA-256 of the token, so that who reads this collection cannot sign in with it.

    `expires_at` is when it ends unless it is used again; `epoch` is the user's `session_epoch` at sign-in.
    """

    id = StringField(primary_key=True)
    user = ObjectIdField(required=True)
    epoch = IntField(required=True)
    created_at = DateTimeField(required=True)
    last_seen_at = DateTimeField(required=True)
    expires_at = DateTimeField(required=True)
    user_agent = StringField(max_length=200)
    address = StringField(max_length=45)

    meta: ClassVar[dict[str, Any]] = {
        "collection": "login_sessions",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["user"]},
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }
