"""Notices by mail: to whom, what users choose about it, and the digest that reviewers get once a day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId
from flask import current_app

from app import clock
from app.models.domain_error import N_, InvalidInput, LinkUnusable
from app.models.notice_mail import TOPIC_OF, ReviewMail, Topic, is_asked, wants
from app.models.user import User
from app.services import deliveries, signed_tokens

PURPOSE = "no more mail"
# Mails are found again after a long time.
LINK_LIFETIME = timedelta(days=730)
# When reviewers get their digest, in their own time zone.
DIGEST_HOUR = 8


def send(
    users: Sequence[ObjectId], *, key: str, kind: str, values: Mapping[str, Any], url: str, created_at: datetime
) -> None:
    """Leaves a mail to each of `users` who wants this kind of notice by mail, once under this `key`.

    Only to confirmed addresses: nobody else is written to because somebody has mistyped their own.
    """
    if not current_app.config["MAIL_SERVER"]:
        return
    topic, said = TOPIC_OF[kind], {"kind": kind, "values": dict(values), "url": url}
    reachable = list(_reachable(users))
    mails = {
        user.id: {**said, "unsubscribe": unsubscribe_path(user.id, topic)} for user in reachable if wants(user, topic)
    }
    deliveries.send_mails(mails, key=f"notice:{key}", template="notice", at=created_at)
    if topic is Topic.REVIEW:
        _make_digests_due([user for user in reachable if user.review_mail == ReviewMail.DAILY])


def _reachable(users: Sequence[ObjectId]) -> Iterable[User]:
    chosen = ("notice_mail", "review_mail", "time_zone", "digest_at", "permissions")
    return User.objects.active().filter(id__in=list(users), email_confirmed=True).only(*chosen)


def _make_digests_due(users: Iterable[User]) -> None:
    """Lets the worker send their digests at the next of their hours, unless these are to be sent already."""
    by_zone: dict[str, list[ObjectId]] = {}
    for user in users:
        if user.digest_at is None:
            by_zone.setdefault(user.time_zone, []).append(user.id)
    for zone, ids in by_zone.items():
        User._get_collection().update_many(
            {"_id": {"$in": ids}, "digest_at": None}, {"$set": {"digest_at": next_digest(zone)}}
        )


def next_digest(time_zone: str) -> datetime:
    """The next time at which it is the hour of the digest there."""
    zone = ZoneInfo(time_zone)
    now = clock.now().astimezone(zone)
    day = now.date() if now.hour < DIGEST_HOUR else now.date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, DIGEST_HOUR, tzinfo=zone)


# --- what users choose ------------------------------------------------------------------------------------------------


def choose(user_id: ObjectId, *, topics: Iterable[str], review: str) -> None:
    """From now on mail comes of these topics and of no other; `review` is a `ReviewMail`. Raises `InvalidInput` by field."""
    user: User = User.objects.only("permissions").get(id=user_id)
    chosen, asked = set(topics), [topic for topic in Topic if is_asked(user, topic)]
    if not chosen <= set(asked):
        raise InvalidInput(errors={"topics": [N_("There is no such kind of notice.")]})
    if review not in set(ReviewMail):
        raise InvalidInput(errors={"review": [N_("There is no such choice.")]})
    # One by one: what the user is not asked now stays as it was answered.
    answers = {f"notice_mail.{topic}": topic in chosen for topic in asked}
    _write(user_id, {**answers, "review_mail": review})


def link_token(user_id: ObjectId, topic: Topic) -> str:
    """What the link under a mail carries, by which whoever has the mail ends its kind."""
    return signed_tokens.sign([str(user_id), topic.value], purpose=PURPOSE)


def unsubscribe_path(user_id: ObjectId, topic: Topic) -> str:
    """Where that link leads on this site."""
    return f"/unsubscribe/{link_token(user_id, topic)}"


def read_link(token: str) -> tuple[User, Topic]:
    """The user and the topic that a link is about; raises `LinkUnusable`."""
    read = signed_tokens.read(token, purpose=PURPOSE, lifetime=LINK_LIFETIME)
    user = User.objects(id=read[0], deleted_at=None).first() if read else None
    if user is None or read[1] not in set(Topic):
        raise LinkUnusable
    return user, Topic(read[1])


def unsubscribe(token: str) -> tuple[User, Topic]:
    """Ends mail of the link's topic; raises `LinkUnusable`."""
    user, topic = read_link(token)
    if topic is Topic.REVIEW:
        _write(user.id, {"review_mail": ReviewMail.NONE.value})
    else:
        _write(user.id, {f"notice_mail.{topic.value}": False})
    return user, topic


def _write(user_id: ObjectId, fields: dict[str, Any]) -> None:
    User._get_collection().update_one({"_id": user_id}, {"$set": fields})
