"""Figures that are kept, so that no page works them out: what all accounts come to, usage by day, and how far it is counted."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, IntField, ListField, LongField, ObjectIdField, StringField

_COUNTER = {"bsonType": ["int", "long"], "minimum": 0}


class AccountStatistics(Document):
    """One document, `_id` "accounts": what all accounts came to at `taken_at`, which is missing until the first time is done."""

    id = StringField(primary_key=True)
    taken_at = DateTimeField()
    # When it is taken again; whoever takes it moves this on first.
    due_at = DateTimeField(required=True)
    active_users = LongField()
    # Each has name, users, tokens, calls, average_percent, exceeded.
    tiers = ListField(DictField())
    # The most used first; each has user, tier, used, calls.
    top = ListField(DictField())

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
