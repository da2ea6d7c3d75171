"""The ledger: every change of every balance, numbered without a gap, never changed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, ListField, LongField, ObjectIdField, StringField

from app.models.account import ALLOWANCE, EntryType
from app.models.domain_error import N_

# What we write as descriptions ourselves; any other is in the words of a person or a program, and stays as it is.
OWN_DESCRIPTIONS = frozenset(
    {
        N_("Initial grant"),
        N_("First period"),
        N_("New period"),
        N_("Expired"),
        N_("Chat answer"),
        N_("Request #%(number)s approved"),
        N_("Request #%(number)s revoked"),
        N_("Order #%(number)s paid"),
        N_("Order #%(number)s refunded"),
    }
)


class LedgerEntry(Document):
    """One entry: `after = before + amount`, and `before` is the `after` of the entry with the previous `seq`."""

    account = ObjectIdField(required=True)
    seq = LongField(required=True)
    type = StringField(required=True, choices=list(EntryType))
    amount = LongField(required=True)
    before = LongField(required=True)
    after = LongField(required=True)
    # [{source: "allowance" or a grant's id, amount}], which adds up to `amount`.
    parts = ListField(DictField())
    description = StringField()
    by = DictField()
    reference = DictField()
    metadata = DictField()
    # The idempotency key, the digest of what came with it, and what a repeat is answered.
    key = StringField()
    fingerprint = StringField()
    available = LongField()
    answer = DictField()
    at = DateTimeField(required=True)

    meta: ClassVar[dict[str, Any]] = {
        "collection": "ledger_entries",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["account", "seq"], "unique": True},
            # Partial, because a compound sparse index would make entries without a key collide.
            {
                "fields": ["account", "key"],
                "unique": True,
                "partialFilterExpression": {"key": {"$exists": True}},
            },
            {"fields": ["account", "type", "-seq"]},
            # What was given to a grant and taken from it. Spends that the allowance covers, which are most, are not in it: the
            # ids of grants begin with the time in hexadecimal, and so come before "allowance".
            {
                "fields": ["account", "parts.source", "-seq"],
                "partialFilterExpression": {"parts.source": {"$lt": ALLOWANCE}},
            },
        ],
    }
    VALIDATOR: ClassVar[dict[str, Any]] = {
        "$and": [
            {
                "$jsonSchema": {
                    "bsonType": "object",
                    "required": ["account", "seq", "type", "amount", "before", "after", "parts", "by", "at"],
                    "properties": {
                        "seq": {"bsonType": ["int", "long"], "minimum": 1},
                        "type": {"enum": [type_.value for type_ in EntryType]},
                        "amount": {"bsonType": ["int", "long"]},
                        "before": {"bsonType": ["int", "long"], "minimum": 0},
                        "after": {"bsonType": ["int", "long"], "minimum": 0},
                        "at": {"bsonType": "date"},
                    },
                }
            },
            {"$expr": {"$eq": ["$after", {"$add": ["$before", "$amount"]}]}},
        ]
    }


def numbered(
    account: Mapping[str, Any], entries: Iterable[Mapping[str, Any]] | None = None
) -> Iterator[dict[str, Any]]:
    """An account's waiting entries as the ledger will hold them: the one place where seq, before and after come from."""
    seq, balance = account["drained_seq"], account["drained_balance"]
    for entry in account["entries"] if entries is None else entries:
        seq, before = seq + 1, balance
        balance += entry["amount"]
        yield {**entry, "account": account["_id"], "seq": seq, "before": before, "after": balance}
