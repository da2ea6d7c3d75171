"""A user's request for something that an admin decides on, and the steps that it can take."""

from datetime import datetime, timedelta
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

# What time does with a request that nobody decides: reviewers are reminded, the owner is warned, and then it ends.
REMINDED_AFTER = timedelta(days=7)
WARNED_BEFORE_EXPIRY = timedelta(days=3)

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


def moments(waiting_since: datetime, expires_after: timedelta) -> dict[str, datetime]:
    """When an open request has something done to it by time: `remind`, `warn` and `expire`."""
    expiry = waiting_since + expires_after
    return {"remind": waiting_since + REMINDED_AFTER, "warn": expiry - WARNED_BEFORE_EXPIRY, "expire": expiry}


def next_moment(waiting_since: datetime, expires_after: timedelta, *, after: datetime) -> datetime:
    """The first of the moments after `after`; the expiry where none is left."""
    at = moments(waiting_since, expires_after)
    return min((one for one in at.values() if one > after), default=at["expire"])


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
    # [{from_status, to_status, by, at, note}], and the `batch` that a step was part of; the place numbers what follows from it.
    history = ListField(DictField())
    # Both under unique sparse indexes, so that the insert itself decides who may submit.
    open_key = StringField()
    day_key = StringField()
    # When time next does something with it while it is open: a reminder, a warning, its expiry.
    wakes_at = DateTimeField()
    # {by, until}: the reviewer who has it in hand.
    reservation = DictField(null=True)
    # {by, at, batch} once it is being deleted: nothing can be done with it any more.
    removal = DictField(null=True)
    due = ListField(DictField())
    # What the desk finds requests by that are about a crypto token: a key of `blockchain.BLOCKCHAINS`, its address there in
    # the canonical form, what its symbol looks like to the eye, and the words of symbol and name that a search compares with.
    # The others have none of them.
    blockchain = StringField()
    contract_address = StringField()
    symbol_skeleton = StringField()
    search = ListField(StringField(), default=None)

    # What `kind` is in requests of the class.
    KIND: ClassVar[str]

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
            # Serves every combination of the two, in the order of numbers: a filter that is not set lists all values.
            {"fields": ["status", "kind", "-number", "submitted_at"], "cls": False},
            # The same for the requests of some users; the first where their status does not matter.
            {"fields": ["user", "-number", "status", "kind", "submitted_at"], "cls": False},
            {"fields": ["user", "status", "kind", "-number", "submitted_at"], "cls": False},
            {"fields": ["submitted_at", "number"], "cls": False},
            # The last decisions of a kind, and how long each took, from the index alone.
            {
                "fields": ["kind", "-decision.at", "status", "submitted_at"],
                "partialFilterExpression": {"decision.at": {"$exists": True}},
                "cls": False,
            },
            {"fields": ["wakes_at"], "sparse": True, "cls": False},
            {"fields": ["due.at"], "sparse": True, "cls": False},
            # The same lists for one blockchain, for some words, and for some words on one blockchain.
            {
                "fields": ["blockchain", "status", "-number", "submitted_at"],
                "partialFilterExpression": {"blockchain": {"$exists": True}},
                "cls": False,
            },
            {
                "fields": ["search", "status", "-number", "submitted_at"],
                "partialFilterExpression": {"search": {"$exists": True}},
                "cls": False,
            },
            {
                "fields": ["search", "blockchain", "status", "-number", "submitted_at"],
                "partialFilterExpression": {"search": {"$exists": True}},
                "cls": False,
            },
            # And for the requests of some users.
            {
                "fields": ["user", "blockchain", "-number", "status"],
                "partialFilterExpression": {"blockchain": {"$exists": True}},
                "cls": False,
            },
            {
                "fields": ["user", "search", "-number", "status", "blockchain"],
                "partialFilterExpression": {"search": {"$exists": True}},
                "cls": False,
            },
            # What looks like a symbol on a blockchain, and what is asked for at an address, on whichever.
            {
                "fields": ["blockchain", "symbol_skeleton", "status", "-number"],
                "partialFilterExpression": {"symbol_skeleton": {"$exists": True}},
                "cls": False,
            },
            {
                "fields": ["contract_address", "status", "-number"],
                "partialFilterExpression": {"contract_address": {"$exists": True}},
                "cls": False,
            },
        ],
    }

    @property
    def slot(self) -> str | None:
        """What only one open request can have: its `open_key` while it has it; None where there may be any number."""
        return self.slot_of(self.user)

    @classmethod
    def slot_of(cls, user_id: Any) -> str:
        """The slot of a user's requests of the kind."""
        return f"{cls.KIND}:{user_id}"

    @property
    def is_open(self) -> bool:
        """Whether it still waits for somebody."""
        return self.status in OPEN

    def may(self, to_status: str) -> bool:
        """Whether a step to `to_status` is possible from here, for whoever may take it."""
        return (Status(self.status), Status(to_status)) in TRANSITIONS

    def steps_of(self, role: Role) -> frozenset[Status]:
        """Where somebody in this role may bring it from here."""
        return frozenset(to for (from_, to), who in TRANSITIONS.items() if from_ == self.status and who is role)

    @property
    def own_status(self) -> Status:
        """The status as its owner hears it."""
        return self.heard_as(self.status)

    @staticmethod
    def heard_as(status: str) -> Status:
        """A status as the owner hears it: nobody is called a spammer to their face."""
        return Status.REJECTED if status == Status.SPAM else Status(status)

    @property
    def question(self) -> str | None:
        """What its owner is asked; None unless it waits for the answer."""
        return self.history[-1]["note"] if self.status == Status.NEEDS_INFO else None

    def reserved_by(self, at: datetime) -> str | None:
        """The name of the reviewer who has it in hand at `at`; None where nobody has."""
        return self.reservation["by"]["name"] if self.reservation and self.reservation["until"] > at else None

    @property
    def approval_key(self) -> str:
        """The key of what followed from its last approval."""
        place = max(n for n, step in enumerate(self.history) if step["to_status"] == Status.APPROVED)
        return f"request:{self.id}:{place}"

    @property
    def failed_items(self) -> list[dict[str, Any]]:
        """What follows from a decision and could not be done, each with its reason under `failed`."""
        return [item for item in self.due if item.get("failed")]

    @property
    def granted(self) -> int | None:
        """How many tokens the reviewer chose to give; None where nobody chose."""
        return self.decision["granted"] if self.decision else None

    @property
    def decided_at(self) -> datetime | None:
        """When it was last decided."""
        return self.decision["at"] if self.decision else None


class QuotaRequest(TokenRequest):
    """A user has run out and asks for the allowance to be reset."""

    KIND = "quota"


class BetaRequest(TokenRequest):
    """A user asks to be let into the beta program."""

    KIND = "beta"

    # The address that the user had when asking.
    email = StringField(max_length=254)


class ListingRequest(TokenRequest):
    """A user asks for a crypto token to be listed in the catalogue."""

    KIND = "listing"

    token_symbol = StringField(max_length=20)
    token_name = StringField(max_length=255)
    decimals = IntField()
    # [{name, value}]: names that people choose may hold what a document's own must not.
    facts = ListField(DictField())

    @property
    def slot(self) -> str | None:
        """An address is asked for once, whoever asks; a token without one has no slot."""
        return self.slot_for(self.blockchain, self.contract_address) if self.contract_address else None

    @classmethod
    def slot_for(cls, blockchain: str, contract_address: str) -> str:
        """The slot of all requests for the token at a canonical address."""
        return f"{cls.KIND}:{blockchain}:{contract_address}"

    @property
    def additional_info(self) -> dict[str, str]:
        """What else the user said of the token, by name."""
        return {fact["name"]: fact["value"] for fact in self.facts}
