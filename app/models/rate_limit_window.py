"""How often somebody did something lately; written by the `limits` package through `app/rate_limits.py`."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, Document, IntField, StringField


class RateLimitWindow(Document):
    """One count of one caller, under the names that the package gives."""

    id = StringField(primary_key=True)
    currentCount = IntField(required=True)
    previousCount = IntField(required=True)
    expireAt = DateTimeField(required=True)

    meta: ClassVar[dict[str, Any]] = {
        "collection": "rate_limit_windows",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"fields": ["expireAt"], "expireAfterSeconds": 0}],
    }
