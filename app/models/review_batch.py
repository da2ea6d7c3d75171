"""One decision on many requests: what was asked for, and what became of each row."""

from enum import StrEnum
from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, IntField, ListField, StringField


class BatchAction(StrEnum):
    """What can be done to many requests at once."""

    APPROVE = "approve"
    REJECT = "reject"
    SPAM = "spam"
    DELETE = "delete"


# The outcome of a row that was done, and of one that met a defect; any other is the code of the refusal.
DONE = "done"
FAILED = "failed"


class ReviewBatch(Document):
    """Rows are `{number, id, version, outcome, refusal}`.

    `id` is None where there was no such request, `version` None means any, `outcome` None not done yet; `refusal` keeps
    the text of one, and its values and errors.
    """

    action = StringField(required=True, choices=list(BatchAction))
    response = StringField(default="")
    # How many tokens each approval gives, for kinds of which the reviewer chooses.
    granted = IntField()
    # An internal note that is kept with each request; in the trail where it is deleted.
    note = StringField(default="")
    # Whoever decides: `Actor.trail()`.
    by = DictField(required=True)
    rows = ListField(DictField(), required=True)
    created_at = DateTimeField(required=True)
    finished_at = DateTimeField()
    # When the worker goes on with it, if nobody else does; missing once it is finished.
    resume_at = DateTimeField()

    meta: ClassVar[dict[str, Any]] = {
        "collection": "review_batches",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"fields": ["resume_at"], "sparse": True}, {"fields": ["rows.id"]}, {"fields": ["by.id"]}],
    }

    @property
    def done(self) -> list[int]:
        """The numbers of the requests that were decided."""
        return [row["number"] for row in self.rows if row["outcome"] == DONE]

    @property
    def refused(self) -> list[dict[str, Any]]:
        """The rows that were refused."""
        return [row for row in self.rows if row["outcome"] not in (None, DONE)]

    @property
    def left(self) -> int:
        """How many rows are still to be done."""
        return sum(row["outcome"] is None for row in self.rows)
