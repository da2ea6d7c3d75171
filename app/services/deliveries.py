"""Deliveries: what leaves this site by mail or webhook is kept here first, so that no page waits for a server of somebody else.

`services/delivery_attempts.py` sends them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.errors import BulkWriteError

from app import clock
from app.models.delivery import Delivery, Kind, State
from app.models.domain_error import NotFound
from app.models.due_item import due_item
from app.models.order import Order
from app.models.token_request import TokenRequest
from app.models.webhook import TEST_EVENT, Event, Webhook

MAIL_CHANNEL = "mail"
DUPLICATE_KEY = 11_000


def mail_item(
    key: str,
    *,
    user: ObjectId,
    template: str,
    values: Mapping[str, Any] | None = None,
    address: str | None = None,
    at: datetime,
) -> dict[str, Any]:
    """An item for the `due` list of whatever changed: a mail to `user`, or to another `address` than theirs.

    `templates/emails/<template>.txt` and `.html` say it, with `values`, in the user's language when it is sent.
    """
    more = {"address": address} if address else {}
    return due_item(key, "deliver.mail", at=at, user=user, template=template, values=dict(values or {}), **more)


def send_mail(
    *,
    key: str,
    user: ObjectId,
    template: str,
    values: Mapping[str, Any] | None = None,
    address: str | None = None,
    at: datetime | None = None,
) -> None:
    """Leaves a mail to the worker, once under this `key`: a verb of `due`. Without a mail server nothing is left."""
    send_mails({user: dict(values or {})}, key=key, template=template, address=address, at=at or clock.now())


def send_mails(
    values: Mapping[ObjectId, dict[str, Any]], *, key: str, template: str, address: str | None = None, at: datetime
) -> None:
    """As `send_mail`, to many: `values` are what the template gets for each user."""
    if not current_app.config["MAIL_SERVER"]:
        return
    mail = {"kind": Kind.MAIL, "channel": MAIL_CHANNEL, "what": template, "address": address, "created_at": at}
    _queue(
        Delivery(key=f"mail:{user}:{key}", user=user, values=own_values, **mail) for user, own_values in values.items()
    )


def event_item(key: str, event: Event, data: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """An item for the `due` list of whatever changed: an event for the webhooks that hear of it; `data` is ids only."""
    return due_item(key, "deliver.event", at=at, event=event.value, data=dict(data))


def send_event(*, key: str, event: str, data: Mapping[str, Any], at: datetime) -> None:
    """Leaves an event to the worker for each webhook that hears of it, once under this `key`: a verb of `due`."""
    _queue_event(Webhook.objects.told_of(event).scalar("id"), key=key, event=event, data=data, at=at)


def send_test_event(*, key: str, webhook: ObjectId, at: datetime) -> None:
    """Leaves an event about nothing to the worker for one webhook, once under this `key`: a verb of `due`."""
    _queue_event([webhook], key=key, event=TEST_EVENT, data={}, at=at)


def _queue_event(webhooks: Iterable[ObjectId], *, key: str, event: str, data: Mapping[str, Any], at: datetime) -> None:
    message = {"kind": Kind.WEBHOOK, "what": event, "values": dict(data), "created_at": at}
    _queue(
        Delivery(key=f"webhook:{webhook}:{key}", channel=f"webhook:{webhook}", webhook=webhook, **message)
        for webhook in webhooks
    )


def _queue(new: Iterable[Delivery]) -> None:
    """Stores deliveries that may leave now; those whose key is there already are left out."""
    documents = []
    for delivery in new:
        delivery.next_at = clock.now()
        delivery.validate()
        documents.append(delivery.to_mongo().to_dict())
    if not documents:
        return
    try:
        Delivery._get_collection().insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
            raise


def get(delivery_id: ObjectId | str) -> Delivery:
    """The delivery with this id; raises `NotFound`."""
    found = Delivery.objects(id=delivery_id).first() if ObjectId.is_valid(delivery_id) else None
    if found is None:
        raise NotFound
    return found


def page(*states: State, before: ObjectId | None = None, limit: int = 50) -> list[Delivery]:
    """Deliveries in these states, or all, newest first; the last one's id is `before` of the next page."""
    found = Delivery.objects.in_states(states or tuple(State))
    return list((found.filter(id__lt=before) if before else found).newest_first().limit(limit))


def forget_user(user_id: ObjectId) -> None:
    """Removes all that was to be sent, or was sent, to somebody who is erased, and what was to tell admins their name."""
    Delivery._get_collection().delete_many({"user": user_id})
    unsent = [state.value for state in State if state is not State.SENT]
    urls = [f"/admin/requests/{number}" for number in TokenRequest.objects.of(user_id).scalar("number")]
    urls += [f"/admin/orders/{number}" for number in Order.objects(user=user_id).scalar("number")]
    Delivery._get_collection().delete_many({"state": {"$in": unsent}, "what": "notice", "values.url": {"$in": urls}})
