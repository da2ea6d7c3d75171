"""What all requests come to, kept beside what all accounts come to."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, ListField, LongField, StringField


class RequestStatistics(Document):
    """One document, `_id` "requests": all requests at `taken_at`, which is missing until the first time is done."""

    id = StringField(primary_key=True)
    taken_at = DateTimeField()
    # When it is taken again; whoever takes it moves this on first.
    due_at = DateTimeField(required=True)
    # Each has kind, statuses ({status: how many}), granted, median_seconds.
    kinds = ListField(DictField())
    median_seconds = LongField(null=True)
    # Each has day (2026-11-21) and kinds ({kind: how many}), of the app's time zone, the oldest first.
    days = ListField(DictField())
    # Who decided most first; each has by ({kind, id, name}) and decisions: of all time, and of the last 30 days.
    reviewers = ListField(DictField())
    recent_reviewers = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {"collection": "statistics", "auto_create_index": False, "index_cls": False}
