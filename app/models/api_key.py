"""A key that a program shows instead of signing in: what it may do, for whom, until when."""

from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId
from mongoengine import DateTimeField, DictField, Document, ListField, ObjectIdField, QuerySet, StringField

from app import clock
from app.models.permission import Permission

# The scope that is no permission: to act as the owner.
SELF = "self"
# What programs may do and people do not: a key carries these by its scope alone, whatever its owner holds.
KEY_ONLY = frozenset({Permission.USAGE_WRITE, Permission.USERS_SIGN_IN})
SCOPES: tuple[str, ...] = (SELF, *(permission.value for permission in Permission))


class ApiKeys(QuerySet):
    """Queries on keys, by name."""

    def of(self, user_id: ObjectId) -> "ApiKeys":
        """A user's own."""
        return self.filter(owner=user_id)

    def newest_first(self) -> "ApiKeys":
        """In the order of lists; ids rise with time, so they are also the key of the pages."""
        return self.order_by("-id")


class ApiKey(Document):
    """One key. Of the secret only its SHA-256 is kept, and the beginning, by which people recognise it."""

    owner = ObjectIdField(required=True)
    name = StringField(required=True, max_length=100)
    prefix = StringField(required=True)
    digest = StringField(required=True)
    scopes = ListField(StringField(choices=SCOPES), required=True)
    # What the form that made it was called: one form makes one key, however often it is sent.
    idempotency_key = StringField(required=True, max_length=64)
    created_at = DateTimeField(required=True)
    created_by = DictField(required=True)
    # None: it does not expire.
    expires_at = DateTimeField()
    revoked_at = DateTimeField()
    last_used_at = DateTimeField()
    due = ListField(DictField())

    # The scopes that count now, with what the owner may now; not stored, set by whoever loads the key to act with it.
    usable: frozenset[str] = frozenset()

    meta: ClassVar[dict[str, Any]] = {
        "collection": "api_keys",
        "queryset_class": ApiKeys,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["digest"], "unique": True},
            {"fields": ["owner", "idempotency_key"], "unique": True},
            {"fields": ["owner", "-_id"]},
            {"fields": ["due.at"], "sparse": True},
        ],
    }

    def is_live(self, at: datetime) -> bool:
        """Whether it opens anything at `at`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)

    @property
    def state(self) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.is_live(clock.now()) else "expired"

    def allows(self, scope: str) -> bool:
        """Whether a call with it may use `scope`; nothing on a key that was not loaded to act with it."""
        return scope in self.usable
