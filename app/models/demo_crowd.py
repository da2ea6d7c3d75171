"""A crowd of made-up people that `flask demo seed --users` added, so that a run that was broken off can be finished."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, IntField, LongField


class DemoCrowd(Document):
    """What everything in a crowd follows from. `settings` are those it began under: a later run must make the same."""

    seed = IntField(primary_key=True)
    users = IntField(required=True)
    requests = IntField(required=True)
    # The crowd's present: nothing in it happens later.
    at = DateTimeField(required=True)
    first_number = LongField(required=True)
    settings = DictField(required=True)
    # The stamp of whoever made it.
    by = DictField(required=True)
    done_at = DateTimeField()

    meta: ClassVar[dict[str, Any]] = {"collection": "demo_crowds", "auto_create_index": False, "index_cls": False}
