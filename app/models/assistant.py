"""Who answers in the chat: a model with its instructions, its limit and its price."""

from typing import Any, ClassVar

from mongoengine import BooleanField, DictField, Document, IntField, ListField, QuerySet, StringField


class Assistants(QuerySet):
    """Queries on assistants, by name."""

    def active(self) -> "Assistants":
        """Those that answer, the first one first."""
        return self.filter(active=True).order_by("number")


class Assistant(Document):
    """`price` is in thousandths of a token for each token that the model counts; `version` rises with each change."""

    number = IntField(primary_key=True, min_value=1)
    name = StringField(required=True, max_length=100)
    model = StringField(required=True, max_length=200)
    system_prompt = StringField(max_length=4_000, default="")
    max_answer_tokens = IntField(required=True, min_value=1, max_value=1_000_000)
    price = IntField(required=True, min_value=1, max_value=1_000_000, default=1_000)
    active = BooleanField(required=True, default=True)
    version = IntField(required=True, default=1)
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "assistants",
        "queryset_class": Assistants,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"fields": ["due.at"], "sparse": True}],
    }
