"""A link that signs a user of the host product in, once."""

from datetime import timedelta
from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, ListField, ObjectIdField, StringField

LIFETIME = timedelta(minutes=15)
# The row stays for a while after the link has ended, so that what is due on it is done whatever happens.
KEPT = timedelta(days=1)


class SignInLink(Document):
    """One link: of its token only the SHA-256 is kept, so that who reads this collection cannot sign in with it."""

    digest = StringField(required=True)
    user = ObjectIdField(required=True)
    # The path on this site that it leads to.
    next = StringField(required=True, max_length=2_000)
    created_at = DateTimeField(required=True)
    created_by = DictField(required=True)
    expires_at = DateTimeField(required=True)
    used_at = DateTimeField()
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "sign_in_links",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["digest"], "unique": True},
            {"fields": ["expires_at"], "expireAfterSeconds": int(KEPT.total_seconds())},
            {"fields": ["due.at"], "sparse": True},
        ],
    }

    def as_object(self) -> dict[str, str]:
        """How an audit event names this link."""
        return {"kind": "sign_in_link", "id": str(self.id), "user": str(self.user)}
