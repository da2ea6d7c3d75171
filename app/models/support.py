"""A user's support for somebody else's request, which makes a second request for the same thing unnecessary."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, Document, ObjectIdField, StringField


class Support(Document):
    """One user wants what one request asks for. `slot` is what it asked for then: of an edited one, only later support counts."""

    request = ObjectIdField(required=True)
    slot = StringField(required=True)
    user = ObjectIdField(required=True)
    at = DateTimeField(required=True)

    meta: ClassVar[dict[str, Any]] = {
        "collection": "supports",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"fields": ["request", "slot", "user"], "unique": True}, {"fields": ["user"]}],
    }
