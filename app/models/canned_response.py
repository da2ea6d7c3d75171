"""Words that reviewers send again and again, ready to choose."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, IntField, ListField, QuerySet, StringField


class CannedResponses(QuerySet):
    """Queries on canned responses, by name."""

    def offered(self) -> "CannedResponses":
        """Those that were not removed, by title."""
        return self.filter(removed_at=None).order_by("title", "id")


class CannedResponse(Document):
    """`kinds` names the kinds of request that it is offered for; none means all. `version` rises with each change."""

    title = StringField(required=True, max_length=100)
    text = StringField(required=True, max_length=500)
    kinds = ListField(StringField())
    version = IntField(required=True, default=1)
    removed_at = DateTimeField()
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "canned_responses",
        "queryset_class": CannedResponses,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["removed_at", "title"]},
            {"fields": ["due.at"], "sparse": True},
        ],
    }
