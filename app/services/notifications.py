"""Tells users things in the app, once each, and marks them read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError

from app import clock
from app.models.domain_error import NotFound
from app.models.notification import Notification
from app.models.permission import Permission
from app.models.user import User
from app.services import admin_allowlist, notice_mail

DUPLICATE_KEY = 11_000


def notify(
    *,
    key: str,
    user: ObjectId,
    kind: str,
    values: dict[str, Any] | None = None,
    url: str = "",
    at: datetime | None = None,
) -> None:
    """Tells `user` something that happened `at`; under a `key` that this user was told before, does nothing."""
    _tell([user], key=key, kind=kind, values=values or {}, url=url, created_at=at or clock.now())


def notify_all(
    *, key: str, users: Sequence[ObjectId], kind: str, values: dict[str, Any], url: str = "", at: datetime
) -> None:
    """Tells each of `users` something that happened `at`; those who were told it under the `key` before, nothing."""
    _tell(users, key=key, kind=kind, values=values, url=url, created_at=at)


def notify_reviewers(
    *,
    key: str,
    kind: str,
    values: dict[str, Any] | None = None,
    url: str = "",
    at: datetime | None = None,
    except_user: ObjectId | None = None,
) -> None:
    """Tells everybody who may review requests, but not `except_user`; those who were told before, nothing."""
    told = _who_may(Permission.REQUESTS_REVIEW, except_user)
    _tell(told, key=key, kind=kind, values=values or {}, url=url, created_at=at or clock.now())


def notify_billing(
    *, key: str, at: datetime, kind: str, values: dict[str, Any], url: str, except_user: ObjectId | None = None
) -> None:
    """Tells everybody who manages billing, but not `except_user`; those who were told before, nothing."""
    told = _who_may(Permission.BILLING_MANAGE, except_user)
    _tell(told, key=key, kind=kind, values=values, url=url, created_at=at)


def page(user_id: ObjectId, before: ObjectId | None = None, limit: int = 50) -> list[Notification]:
    """What the user was told, newest first; `before` is the id of the last one on the page before this one."""
    told = Notification.objects.of(user_id).newest_first()
    return list((told.filter(id__lt=before) if before else told).limit(limit))


def unread_count(user_id: ObjectId, at_most: int = 100) -> int:
    """How many are unread; counting stops at `at_most`."""
    return int(Notification.objects.of(user_id).unread().limit(at_most).count(with_limit_and_skip=True))


def mark_read(user_id: ObjectId, notification_id: ObjectId | str) -> Notification:
    """Marks one of the user's own read, and returns it; one that is read already keeps its time."""
    if not ObjectId.is_valid(notification_id):
        raise NotFound
    mine = Notification.objects.of(user_id).filter(id=notification_id)
    mine.unread().update_one(read_at=clock.now())
    if (notification := mine.first()) is None:
        raise NotFound
    return notification


def mark_all_read(user_id: ObjectId) -> None:
    """Marks all of the user's own read."""
    Notification.objects.of(user_id).unread().update(read_at=clock.now())


def _who_may(permission: Permission, except_user: ObjectId | None) -> list[ObjectId]:
    holders = User.objects.who_may(permission).scalar("id", "email")
    return [user for user, email in holders if user != except_user and admin_allowlist.names(email)]


def _tell(users: Sequence[ObjectId], **values: Any) -> None:
    """One notification for each of `users`, and a mail to those who want one; who was told under the key is left out."""
    notifications = [Notification(user=user, **values) for user in users]
    for notification in notifications:
        notification.validate()
    if not notifications:
        return
    try:
        documents = [notification.to_mongo().to_dict() for notification in notifications]
        Notification._get_collection().insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
            raise
    notice_mail.send(users, **values)
