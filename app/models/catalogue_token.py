"""A crypto token in the catalogue, where the approval of a listing request has put it."""

from typing import Any, ClassVar

from mongoengine import (
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    IntField,
    ListField,
    LongField,
    ObjectIdField,
    QuerySet,
    StringField,
)


class CatalogueTokens(QuerySet):
    """Queries on the catalogue, by name."""

    def listed(self) -> "CatalogueTokens":
        """Those that are in it now."""
        return self.filter(listed=True)

    def newest_first(self) -> "CatalogueTokens":
        """In the order of the requests that brought them, which is also the key of the pages."""
        return self.order_by("-number")


class CatalogueToken(Document):
    """One token. It stays here when it is taken out, no longer `listed`, so that what put it there cannot do so again."""

    # `request:<id>:<place>`: the approval that put it here.
    key = StringField(required=True, max_length=200)
    # Of the listing request, by its id and by its number.
    request = ObjectIdField(required=True)
    number = LongField(required=True)
    listed = BooleanField(required=True, default=True)
    listed_at = DateTimeField(required=True)
    symbol = StringField(required=True, max_length=20)
    name = StringField(required=True, max_length=255)
    blockchain = StringField(required=True)
    contract_address = StringField()
    decimals = IntField()
    symbol_skeleton = StringField(required=True)
    search = ListField(StringField())
    # {by, at, reason} where somebody removed it; nothing where its approval was revoked.
    removal = DictField(null=True)
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "catalogue_tokens",
        "queryset_class": CatalogueTokens,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["key"], "unique": True},
            {"fields": ["listed", "-number"]},
            {"fields": ["listed", "blockchain", "-number"]},
            {"fields": ["listed", "search", "-number"]},
            {"fields": ["listed", "search", "blockchain", "-number"]},
            {"fields": ["blockchain", "symbol_skeleton", "listed"]},
            # One token at an address; which of two approvals comes first is decided by this.
            {
                "fields": ["blockchain", "contract_address"],
                "unique": True,
                "partialFilterExpression": {"listed": True, "contract_address": {"$exists": True}},
            },
            {"fields": ["due.at"], "sparse": True},
        ],
    }
