"""A user's request for something that an admin decides on, and the steps that it can take."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from mongoengine import (
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


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    NEEDS_INFO = "needs_info"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Role(StrEnum):
    """Who may take a step."""

    REVIEWER = "reviewer"
    OWNER = "owner"
    SYSTEM = "system"


OPEN = frozenset({Status.PENDING, Status.NEEDS_INFO})

# Who may bring a request from one status to another; every other step is refused.
TRANSITIONS: dict[tuple[Status, Status], Role] = {
    (Status.PENDING, Status.APPROVED): Role.REVIEWER,
    (Status.PENDING, Status.REJECTED): Role.REVIEWER,
    (Status.PENDING, Status.SPAM): Role.REVIEWER,
    (Status.PENDING, Status.NEEDS_INFO): Role.REVIEWER,
    (Status.PENDING, Status.WITHDRAWN): Role.OWNER,
    (Status.PENDING, Status.EXPIRED): Role.SYSTEM,
    (Status.NEEDS_INFO, Status.PENDING): Role.OWNER,
    (Status.NEEDS_INFO, Status.REJECTED): Role.REVIEWER,
    (Status.NEEDS_INFO, Status.SPAM): Role.REVIEWER,
    (Status.NEEDS_INFO, Status.WITHDRAWN): Role.OWNER,
    (Status.NEEDS_INFO, Status.EXPIRED): Role.SYSTEM,
    (Status.REJECTED, Status.PENDING): Role.REVIEWER,
    (Status.SPAM, Status.PENDING): Role.REVIEWER,
    (Status.APPROVED, Status.REVOKED): Role.REVIEWER,
}


class TokenRequests(QuerySet):
    """Queries on requests, by name."""

    def of(self, user_id: Any) -> "TokenRequests":
        """A user's own."""
        return self.filter(user=user_id)

    def stuck(self) -> "TokenRequests":
        """Those of which something that follows could not be done, found among the few of which anything is due."""
        return self.filter(__raw__={"due.at": {"$exists": True}, "due.failed": {"$exists": True}})

    def newest_first(self) -> "TokenRequests":
        """In the order of lists; numbers rise with time, so they are also the key of the pages."""
        return self.order_by("-number")


class TokenRequest(Document):
    """One request of any kind. Only `services/review.py` changes `status`; each change raises `version`."""

    number = LongField(required=True)
    user = ObjectIdField(required=True)
    kind = StringField(required=True)
    status = StringField(required=True, choices=list(Status))
    version = IntField(required=True)
    submitted_at = DateTimeField(required=True)
    # When it last became pending or was asked about: it expires so many days after that.
    waiting_since = DateTimeField(required=True)
    reason = StringField()
    # What the user had used when submitting: {token_count, request_count}.
    usage = DictField()
    # {by, at, response, granted} of the last decision.
    decision = DictField(null=True)
    # [{by, at, text}], never shown to the requester.
    notes = ListField(DictField())
    # [{from_status, to_status, by, at, note}]; the place in it numbers what follows from a step.
    history = ListField(DictField())
    # Both under unique sparse indexes, so that the insert itself decides who may submit.
    open_key = StringField()
    day_key = StringField()
    due = ListField(DictField())

    # The statuses in which a request keeps its user's slot (`open_key`) besides the open ones.
    SLOT_KEPT_BY: ClassVar[frozenset[Status]] = frozenset()

    meta: ClassVar[dict[str, Any]] = {
        "collection": "token_requests",
        "allow_inheritance": True,
        "queryset_class": TokenRequests,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["number"], "unique": True, "cls": False},
            {"fields": ["open_key"], "unique": True, "sparse": True, "cls": False},
            {"fields": ["day_key"], "unique": True, "sparse": True, "cls": False},
            {"fields": ["status", "-number"], "cls": False},
            {"fields": ["kind", "-number"], "cls": False},
            {"fields": ["kind", "status", "-number"], "cls": False},
            {"fields": ["user", "-number"], "cls": False},
            {"fields": ["user", "kind", "-number"], "cls": False},
            {"fields": ["status", "waiting_since"], "cls": False},
            {"fields": ["due.at"], "sparse": True, "cls": False},
        ],
    }

    @property
    def slot(self) -> str:
        """What only one open request can have: its `open_key` while it has it."""
        return f"{self.kind}:{self.user}"

    @property
    def is_open(self) -> bool:
        """Whether it still waits for somebody."""
        return self.status in OPEN

    def may(self, to_status: str) -> bool:
        """Whether a step to `to_status` is possible from here, for whoever may take it."""
        return (Status(self.status), Status(to_status)) in TRANSITIONS

    @property
    def own_status(self) -> Status:
        """The status as its owner hears it: nobody is called a spammer to their face."""
        return Status.REJECTED if self.status == Status.SPAM else Status(self.status)

    @property
    def failed_items(self) -> list[dict[str, Any]]:
        """What follows from a decision and could not be done, each with its reason under `failed`."""
        return [item for item in self.due if item.get("failed")]

    @property
    def decided_at(self) -> datetime | None:
        """When it was last decided."""
        return self.decision["at"] if self.decision else None


class QuotaRequest(TokenRequest):
    """A user has run out and asks for the allowance to be reset."""
