"""What is due, as tests put it on documents and look for it afterwards."""

from datetime import UTC, datetime
from uuid import uuid4

from app.models.due_item import due_item
from app.models.notification import Notification
from app.services import ledger

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def notice(user, key=None, at=NOW, **more):
    """A notice for `user` as an item that is due."""
    return due_item(
        key or uuid4().hex, "notify", at=at, user=user.id, kind="request_received", values={"number": 1}, **more
    )


def give(carrier, document_id, *items):
    """Puts items on a document as a change would, and leaves them there, as a process does that dies."""
    carrier._get_collection().update_one({"_id": document_id}, {"$push": {"due": {"$each": list(items)}}})


def left(carrier, document_id):
    """What is still due on a document."""
    return carrier._get_collection().find_one({"_id": document_id})["due"]


def told(user):
    """The keys of what the user was told."""
    return sorted(Notification.objects(user=user.id).scalar("key"))


def entries(user, type_):
    """The amounts of the entries of a type, newest first."""
    return [entry["amount"] for entry in ledger.history(user.id, types=[type_])]
