"""Signed-in browsers: starting, finding and ending their sessions.

A session ends when its row goes, when it expires, or when its `epoch` is no longer the user's `session_epoch`. Whatever
must end all of a user's sessions raises that epoch in the same update, so that none survives it, not even one that
starts meanwhile.
"""

import secrets
from datetime import datetime, timedelta

import structlog
from bson import ObjectId
from flask import current_app

from app import clock
from app.models.domain_error import NotFound
from app.models.login_session import LoginSession
from app.models.user import User
from app.services import admin_allowlist
from app.services.digests import digest

log = structlog.get_logger(__name__)

SEEN_EVERY = timedelta(minutes=1)
# Every page waits for this: one question takes half as long as two.
_WITH_USER = {
    "$lookup": {"from": User._get_collection_name(), "localField": "user", "foreignField": "_id", "as": "users"}
}
# More than a person uses in a week; all of them can still be ended at once.
MOST_SHOWN = 50


def start(user: User, *, address: str | None = None, user_agent: str = "") -> str:
    """Signs `user` in and returns the token for the browser's cookie; nothing else ever holds it."""
    token = secrets.token_urlsafe(32)
    now = clock.now()
    LoginSession._get_collection().insert_one(
        {
            "_id": digest(token),
            "user": user.id,
            "epoch": user.session_epoch,
            "created_at": now,
            "last_seen_at": now,
            "expires_at": _expiry(now, now),
            "user_agent": user_agent[:200],
            "address": (address or "")[:45],
        }
    )
    log.info("signed_in", user=str(user.id))
    return token


def find(token: str, *, is_seen: bool = True) -> tuple[LoginSession, User] | None:
    """The live session of `token` and its active user, or None; one read, and at most once a minute a write.

    Without `is_seen` the session is left to end as if nobody had asked: a page may ask by itself.
    """
    now = clock.now()
    live = {"_id": digest(token), "expires_at": {"$gt": now}}
    found = next(LoginSession._get_collection().aggregate([{"$match": live}, _WITH_USER]), None)
    users = found.pop("users") if found else []
    if not users:
        return None
    login_session, user = LoginSession._from_son(found), User._from_son(users[0])
    if not user.active or user.session_epoch != login_session.epoch:
        return None
    user.may_hold_permissions = admin_allowlist.names(user.email)
    if is_seen and now - login_session.last_seen_at >= SEEN_EVERY:
        _touch(login_session, now)
    return login_session, user


def end(token: str) -> None:
    """Signs this browser out."""
    LoginSession.objects(id=digest(token)).delete()


def live(user: User) -> list[LoginSession]:
    """Where the user is signed in, the last used first."""
    now = clock.now()
    sessions = LoginSession.objects(user=user.id, epoch=user.session_epoch, expires_at__gt=now)
    return list(sessions.order_by("-last_seen_at").limit(MOST_SHOWN))


def end_one(user_id: ObjectId, session_id: str) -> None:
    """Signs the user out in one browser; raises `NotFound` where it is not, or no longer, one of theirs."""
    if not LoginSession._get_collection().delete_one({"_id": session_id, "user": user_id}).deleted_count:
        raise NotFound


def end_others(user_id: ObjectId, *, but: str) -> int:
    """Signs the user out in all browsers but one; returns in how many."""
    others = {"user": user_id, "_id": {"$ne": but}}
    return LoginSession._get_collection().delete_many(others).deleted_count


def sweep(user_id: ObjectId, *, before_epoch: int) -> None:
    """Removes the rows that a rise of the epoch has already ended."""
    LoginSession.objects(user=user_id, epoch__lt=before_epoch).delete()


def _touch(login_session: LoginSession, now: datetime) -> None:
    changes = {"last_seen_at": now, "expires_at": _expiry(login_session.created_at, now)}
    seen = {"_id": login_session.id, "last_seen_at": login_session.last_seen_at}
    # The pages of one browser come together; only the first of them writes.
    if LoginSession._get_collection().update_one(seen, {"$set": changes}).modified_count:
        User._get_collection().update_one({"_id": login_session.user, "active": True}, {"$max": {"last_seen_at": now}})


def _expiry(created_at: datetime, seen_at: datetime) -> datetime:
    idle = timedelta(hours=current_app.config["SESSION_IDLE_HOURS"])
    longest = timedelta(days=current_app.config["SESSION_DAYS"])
    return min(seen_at + idle, created_at + longest)
