"""Numbers that people read aloud: "request #42"."""

from typing import Any, ClassVar

from mongoengine import Document, LongField, StringField


class Counter(Document):
    """The last number that was given out under a name; numbers rise, a refused one leaves a gap."""

    name = StringField(primary_key=True)
    last = LongField(required=True)

    meta: ClassVar[dict[str, Any]] = {"collection": "counters", "auto_create_index": False, "index_cls": False}
