"""Figures that are kept, so that no page works them out: of accounts, of requests, usage by day, and how far it is counted."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, IntField, ListField, LongField, ObjectIdField, StringField

_COUNTER = {"bsonType": ["int", "long"], "minimum": 0}


class KeptFigures(Document):
    """`_id` "accounts" is what all accounts, "requests" what all requests came to at `taken_at`, missing until first taken."""

    id = StringField(primary_key=True)
    taken_at = DateTimeField()
    # When it is taken again; whoever takes it moves this on first.
    due_at = DateTimeField(required=True)

    # "accounts":
    active_users = LongField()
    # Each has name, users, tokens, calls, average_percent, exceeded.
    tiers = ListField(DictField())
    # The most used first; each has user, tier, used, calls.
    top = ListField(DictField())

    # "requests":
    # Each has kind, statuses ({status: how many}), granted, median_seconds.
    kinds = ListField(DictField())
    median_seconds = LongField(null=True)
    # Each has day (2026-11-21) and kinds ({kind: how many}), of the app's time zone, the oldest first.
    days = ListField(DictField())
    # Who decided most first; each has by ({kind, id, name}) and decisions: of all time, and of the last 30 days.
    reviewers = ListField(DictField())
    recent_reviewers = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {"collection": "statistics", "auto_create_index": False, "index_cls": False}


class DailyFigures(Document):
    """One day of one generation: `_id` is `{generation, day}` with the day as 2026-11-21; `batch` was the last to add to it."""

    id = DictField(primary_key=True)
    batch = LongField(required=True)
    tokens = LongField(required=True)
    calls = LongField(required=True)

    meta: ClassVar[dict[str, Any]] = {"collection": "daily_figures", "auto_create_index": False, "index_cls": False}
    VALIDATOR: ClassVar[dict[str, Any]] = {
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["batch", "tokens", "calls"],
            "properties": dict.fromkeys(("batch", "tokens", "calls"), _COUNTER),
        }
    }


class FoldState(Document):
    """One document, `_id` "daily_figures": how far the figures by day are counted, and the batch that is being added to them.

    A recount makes a new generation of figures beside the one that is shown; `walked` is the last account that it has
    reached, and is there only meanwhile.
    """

    id = StringField(primary_key=True)
    batch = LongField(required=True)
    # {figures: [{_id, add: {name: amount}}], marks: [{account, before, after}]}: written, and perhaps not all added yet.
    pending = DictField()
    generation = IntField(required=True)
    shown = IntField(required=True)
    # Whose days they are.
    zone = StringField(required=True)
    walked = ObjectIdField()
    walked_count = LongField(required=True)

    meta: ClassVar[dict[str, Any]] = {"collection": "fold_states", "auto_create_index": False, "index_cls": False}
