"""The sign of life that each worker leaves."""

from typing import Any, ClassVar

from mongoengine import DateTimeField, Document, StringField

from app import clock


class WorkerHeartbeat(Document):
    """One worker process, named by host and process id; the row goes a day after the last beat."""

    id = StringField(primary_key=True)
    started_at = DateTimeField(required=True)
    at = DateTimeField(required=True)

    meta: ClassVar[dict[str, Any]] = {
        "collection": "worker_heartbeats",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [{"fields": ["at"], "expireAfterSeconds": 86_400}],
    }

    @classmethod
    def newest(cls) -> "WorkerHeartbeat | None":
        """The worker that was heard of last, or None."""
        found: WorkerHeartbeat | None = cls.objects.order_by("-at").first()
        return found

    @classmethod
    def beat(cls, name: str) -> None:
        """Says that the worker `name` is alive."""
        now = clock.now()
        change = {"$set": {"at": now}, "$setOnInsert": {"started_at": now}}
        cls._get_collection().update_one({"_id": name}, change, upsert=True)
