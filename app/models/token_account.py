"""The stored form of a token account. Only `services/account_commit.py` writes it, and only what the rules computed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from mongoengine import DateTimeField, Document, ListField, LongField, ObjectIdField, StringField
from mongoengine import DictField as EmbeddedField

from app.models.account import Account, Grant, Hold
from app.models.account_rules import LARGEST_BALANCE

_COUNTER = {"bsonType": ["int", "long"], "minimum": 0, "maximum": LARGEST_BALANCE}
_COUNTERS = [
    *("limit", "used", "period_seconds", "period_calls", "lifetime_calls", "lifetime_tokens"),
    *("balance", "held", "available", "allowance_left", "plain_left"),
    *("entry_count", "drained_seq", "drained_balance"),
]


class TokenAccount(Document):
    """One account a user, `_id` the user's; its newest entries wait in `entries` until they are copied to the ledger."""

    id = ObjectIdField(primary_key=True)
    # A fresh ObjectId on every write of the rules: who read another one must read again.
    version = ObjectIdField(required=True)

    tier = StringField(required=True)
    limit = LongField(required=True)
    period_seconds = LongField(required=True)
    period_start = DateTimeField(required=True)
    used = LongField(required=True)
    grants = ListField(EmbeddedField())
    holds = ListField(EmbeddedField())
    period_calls = LongField(required=True)
    lifetime_calls = LongField(required=True)
    lifetime_tokens = LongField(required=True)
    last_spend_at = DateTimeField()
    last_entry_at = DateTimeField()

    balance = LongField(required=True)
    held = LongField(required=True)
    available = LongField(required=True)
    allowance_left = LongField(required=True)
    plain_left = LongField(required=True)
    due_at = DateTimeField(required=True)

    # Entries that are not yet known to be in the ledger, oldest first, without seq, before and after.
    entries = ListField(EmbeddedField())
    # How many entries there have ever been; `entry_count - drained_seq` of them wait here.
    entry_count = LongField(required=True)
    # The seq and the balance after the last entry that has left for the ledger.
    drained_seq = LongField(required=True)
    drained_balance = LongField(required=True)
    # When the worker copies what waits; missing where nothing does.
    drain_at = DateTimeField()
    # The seq up to which the statistics have counted the ledger, and since when they have more to count.
    counted = LongField()
    count_at = DateTimeField()
    due = ListField(EmbeddedField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "token_accounts",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["drain_at"], "sparse": True},
            {"fields": ["count_at"], "sparse": True},
            {"fields": ["due.at"], "sparse": True},
        ],
    }
    VALIDATOR: ClassVar[dict[str, Any]] = {
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["version", "tier", "period_start", "due_at", "grants", "holds", "entries", *_COUNTERS],
            "properties": {
                **dict.fromkeys(_COUNTERS, _COUNTER),
                "period_start": {"bsonType": "date"},
                "due_at": {"bsonType": "date"},
                "grants": {
                    "bsonType": "array",
                    "maxItems": 200,
                    "items": {
                        "bsonType": "object",
                        "required": ["id", "source", "amount", "left", "at"],
                        "properties": {"amount": _COUNTER, "left": _COUNTER},
                    },
                },
                "holds": {
                    "bsonType": "array",
                    "maxItems": 100,
                    "items": {
                        "bsonType": "object",
                        "required": ["id", "amount", "expires_at"],
                        "properties": {"amount": _COUNTER},
                    },
                },
            },
        }
    }


_PLAIN_FIELDS = (
    *("tier", "limit", "period_start", "used", "period_calls", "lifetime_calls", "lifetime_tokens"),
    *("last_spend_at", "last_entry_at", "balance", "held", "available", "allowance_left", "plain_left", "due_at"),
)


def to_fields(account: Account) -> dict[str, Any]:
    """The fields of the document that the rules work out; not `_id`, version, entries and what belongs to copying."""
    return {name: getattr(account, name) for name in _PLAIN_FIELDS} | {
        "period_seconds": int(account.period.total_seconds()),
        "grants": [{name: getattr(grant, name) for name in Grant.__slots__} for grant in account.grants],
        "holds": [{name: getattr(hold, name) for name in Hold.__slots__} for hold in account.holds],
    }


def from_fields(document: Mapping[str, Any]) -> Account:
    """The account that a document holds."""
    return Account(
        id=document["_id"],
        period=timedelta(seconds=document["period_seconds"]),
        grants=[Grant(**grant) for grant in document["grants"]],
        holds=[Hold(**hold) for hold in document["holds"]],
        **{name: document[name] for name in _PLAIN_FIELDS},
    )
