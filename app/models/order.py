"""An order: a user buys a package. Its price is fixed when it is made, and its tokens come with the payment."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, ListField, LongField, ObjectIdField, QuerySet, StringField

from app.models import money


class Status(StrEnum):
    """Where an order stands, in rising order: of two events the higher one holds, in whatever order they arrive."""

    CREATED = "created"
    CANCELLED = "cancelled"
    PAID = "paid"
    REFUNDED = "refunded"

    @property
    def below(self) -> "list[Status]":
        """The statuses from which an order can still come to this one."""
        return list(Status)[: list(Status).index(self)]


class Provider(StrEnum):
    """Who says that an order is paid: somebody here by hand, or the payment service."""

    MANUAL = "manual"
    STRIPE = "stripe"


class Orders(QuerySet):
    """Queries on orders, by name."""

    def of(self, user_id: Any) -> "Orders":
        """A user's own; all statuses are named, since the index has them before the number."""
        return self.filter(user=user_id, status__in=list(Status))

    def stuck(self) -> "Orders":
        """Those of which something that follows could not be done, found among the few of which anything is due."""
        return self.filter(__raw__={"due.at": {"$exists": True}, "due.failed": {"$exists": True}})

    def unfinished(self) -> "Orders":
        """Those of which anything is due, whether or not somebody is just doing it."""
        return self.filter(__raw__={"due.at": {"$exists": True}})

    def newest_first(self) -> "Orders":
        """In the order of lists; numbers rise with time, so they are also the key of the pages."""
        return self.order_by("-number")


class Order(Document):
    """One purchase. Only `services/order_steps.py` changes `status`."""

    number = LongField(required=True)
    user = ObjectIdField(required=True)
    # `<user>:<the form's or the caller's key>`: the same one again makes no second order.
    key = StringField(required=True, max_length=300)
    package = StringField(required=True)
    tokens = LongField(required=True)
    # In minor units.
    price_minor = LongField(required=True)
    currency = StringField(required=True)
    provider = StringField(required=True, choices=list(Provider))
    status = StringField(required=True, choices=list(Status))
    created_at = DateTimeField(required=True)
    # {id, url, expires_at} of the payment service's page, once there is one.
    checkout = DictField(null=True)
    # The payment service's name for the payment, once it told of one.
    payment = StringField()
    # [{event, at, what, amount, currency}]: what the payment service told of the order that did not fit it.
    discrepancies = ListField(DictField())
    # Every step, the making included: [{from_status, to_status, by, at, note}].
    history = ListField(DictField())
    due = ListField(DictField())

    meta: ClassVar[dict[str, Any]] = {
        "collection": "orders",
        "queryset_class": Orders,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["number"], "unique": True},
            {"fields": ["key"], "unique": True},
            {"fields": ["status", "-number"]},
            # Serves a user's orders in any status as well: a filter that is not set lists all values.
            {"fields": ["user", "status", "-number"]},
            {"fields": ["provider", "created_at"]},
            {"fields": ["due.at"], "sparse": True},
        ],
    }

    @property
    def amount(self) -> int:
        """The price in whole units."""
        return money.whole(self.price_minor, self.currency)

    @property
    def credit_key(self) -> str:
        """The key under which the user's account gets the tokens."""
        return f"order:{self.id}"

    def key_of(self, status: Status) -> str:
        """The key of what follows from the step to `status`, other than the credit; there is one such step at most."""
        return f"{self.credit_key}:{status}"

    @property
    def credit(self) -> dict[str, Any] | None:
        """The crediting of the tokens, from the payment on until it is done."""
        return next((item for item in self.due if item["verb"] == "account.grant"), None)

    @property
    def credit_waits(self) -> bool:
        """Whether the tokens of the paid order have still to reach the account, and can."""
        return self.credit is not None and not self.credit.get("failed")

    @property
    def gives_back(self) -> bool:
        """Whether the payment service has still to give the money back, and is asked again."""
        return any(item["verb"] == "payment.give_back" and not item.get("failed") for item in self.due)

    @property
    def failed_items(self) -> list[dict[str, Any]]:
        """What follows from a step and could not be done, each with its reason under `failed`."""
        return [item for item in self.due if item.get("failed")]

    @property
    def changed_at(self) -> datetime:
        """When its status last changed."""
        at: datetime = self.history[-1]["at"]
        return at

    def checkout_url(self, at: datetime) -> str | None:
        """The page where it can be paid at the moment `at`; None where there is none, or not any more."""
        is_open = self.status == Status.CREATED and self.checkout and self.checkout["expires_at"] > at
        return self.checkout["url"] if is_open else None
