"""The chain over the audit trail: a seal for each event, which names the one before it by hash; and anchors, which name seals.

A seal's hash covers what an event says in ids, numbers and times. Every text (names, addresses, reasons, texts in `before` and
`after`) enters it only as a digest made with a salt that stands on the event. So a text can be erased together with its salt, the
hash still holds, and the digest that is left tells nothing.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId
from bson.json_util import RELAXED_JSON_OPTIONS, dumps
from mongoengine import DateTimeField, DictField, Document, IntField, ObjectIdField, StringField

# What the first seal follows.
BEGINNING = "0" * 64
SALT_BYTES = 16
# The texts that may be erased for the sake of a person; see `services/personal_erasure.py`.
ERASABLE = frozenset({"actor.name", "address", "reason", "before.name", "after.name", "after.words"})

Fields = Mapping[str, Any]


class AuditSeal(Document):
    """One link: event number `seq` of the chain. Inserting it, under a `seq` and an `event` that have no other, decides."""

    seq = IntField(primary_key=True)
    event = ObjectIdField(required=True)
    previous = StringField(required=True)
    hash = StringField(required=True)
    # Of the event's texts, in its own shape.
    digests = DictField()
    at = DateTimeField(required=True)

    meta: ClassVar[dict[str, Any]] = {
        "collection": "audit_seals",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"fields": ["event"], "unique": True}],
    }


class AuditAnchor(Document):
    """What the chain was at some moment: whoever has it can tell whether the chain up to there is still that one."""

    seq = IntField(primary_key=True)
    hash = StringField(required=True)
    at = DateTimeField(required=True)

    meta: ClassVar[dict[str, Any]] = {"collection": "audit_anchors", "auto_create_index": False, "index_cls": False}


def texts(event: Fields) -> dict[str, Any]:
    """The texts of an event by their path (`reason`, `before.name`); one that says nothing is left out."""
    found = {"actor.name": event["actor"].get("name"), "address": event.get("address"), "reason": event.get("reason")}
    for part in ("before", "after"):
        found |= {f"{part}.{name}": value for name, value in event.get(part, {}).items() if not _is_plain(value)}
    return {path: value for path, value in found.items() if value not in (None, "", [], {})}


def new_salts(event: Fields) -> dict[str, Any]:
    """A salt for each text of the event."""
    return _nested({path: secrets.token_bytes(SALT_BYTES) for path in texts(event)})


def digests(event: Fields) -> dict[str, Any]:
    """A digest for each text of the event; None for one whose salt was erased before the event was sealed."""
    return _nested({path: digest(event, path) for path in texts(event)})


def digest(event: Fields, path: str) -> str | None:
    """Of one text as it stands there now; None without a salt."""
    salt = flat(event.get("salts") or {}).get(path)
    return hashlib.sha256(salt + _canonical([path, texts(event).get(path)])).hexdigest() if salt else None


def sealed_hash(seal: Fields, event: Fields) -> str:
    """What the hash of `seal` must be if it is of this event; 64 hexadecimal digits of SHA-256."""
    link = {"seq": seal["_id"], "previous": seal["previous"], "at": seal["at"], "digests": seal["digests"]}
    return hashlib.sha256(_canonical({**link, "event": _content(event)})).hexdigest()


def new_seal(event: Fields, *, seq: int, previous: str, at: datetime) -> dict[str, Any]:
    """The seal of an event that has its salts, as it is stored."""
    seal = {"_id": seq, "event": event["_id"], "previous": previous, "digests": digests(event), "at": at}
    return {**seal, "hash": sealed_hash(seal, event)}


def flat(nested: Fields) -> dict[str, Any]:
    """`{"before": {"name": x}}` as `{"before.name": x}`."""
    return dict(_paths(nested))


def _paths(nested: Fields) -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", one) for inner, one in value.items())
        else:
            yield name, value


def _nested(by_path: Fields) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in by_path.items():
        part, _, name = path.partition(".")
        if name:
            nested.setdefault(part, {})[name] = value
        else:
            nested[part] = value
    return nested


def _content(event: Fields) -> dict[str, Any]:
    names = ("_id", "key", "at", "action", "on_behalf_of", "object", "request_id", "batch", "outcome")
    said = {name: event[name] for name in names if event.get(name) is not None}
    for part in ("before", "after"):
        said[part] = {name: value for name, value in event.get(part, {}).items() if _is_plain(value)}
    return {**said, "actor": {name: event["actor"].get(name) for name in ("kind", "id")}}


def _is_plain(value: Any) -> bool:
    """Whether a value is none of a person's words: an id, a number, a time, yes or no."""
    return value is None or isinstance(value, bool | int | float | datetime | ObjectId)


def _canonical(value: Any) -> bytes:
    """MongoDB's relaxed Extended JSON, with sorted keys and no spaces: one spelling for one value."""
    text: str = dumps(value, json_options=RELAXED_JSON_OPTIONS, sort_keys=True, separators=(",", ":"))
    return text.encode()
