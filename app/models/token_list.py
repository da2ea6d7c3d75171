"""The part of the catalogue that the Token Lists standard can say, as it was last published."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, IntField, ListField, StringField

CATALOGUE = "catalogue"
# What the schema takes: https://uniswap.org/tokenlist.schema.json
MOST_TOKENS = 10_000
LONGEST_NAME = 60

Token = Mapping[str, Any]


class TokenList(Document):
    """The one published list, by `_id` CATALOGUE. `revision` rises with each, so that of two at once one is written."""

    id = StringField(primary_key=True)
    revision = IntField(required=True)
    # By the names `major`, `minor` and `patch`.
    version = DictField(required=True)
    published_at = DateTimeField(required=True)
    # [{chainId, address, symbol, name, decimals}] in the order of their requests, and how many there are.
    tokens = ListField(DictField())
    count = IntField(required=True)

    meta: ClassVar[dict[str, Any]] = {"collection": "token_lists", "auto_create_index": False, "index_cls": False}


def next_version(version: Mapping[str, int] | None, before: Sequence[Token], after: Sequence[Token]) -> dict[str, int]:
    """The version of the list `after`, by the rules of the standard: a token gone is a new major version, a token added a
    minor one, a token changed a patch. The first list is 1.0.0."""
    if version is None:
        return {"major": 1, "minor": 0, "patch": 0}
    had, has = ({(one["chainId"], one["address"].lower()): one for one in tokens} for tokens in (before, after))
    if had.keys() - has.keys():
        return {"major": version["major"] + 1, "minor": 0, "patch": 0}
    if has.keys() - had.keys():
        return {"major": version["major"], "minor": version["minor"] + 1, "patch": 0}
    return {**version, "patch": version["patch"] + (had != has)}
