"""Keeps at least one active user who may manage users, also where two admins remove each other at once.

Two documents cannot change in one write, so each remover first marks, then looks: of two who remove each other, whoever
marks last sees both marks and is refused. The mark is part of what the removal must find unchanged, and goes with it. A
mark that its remover did not live to use counts for a minute only; the two writes after it take milliseconds.
"""

from datetime import timedelta
from typing import Any

from app import clock
from app.models.domain_error import Busy, LastAdmin
from app.models.permission import Permission
from app.models.user import User
from app.services import admin_allowlist

MARK_COUNTS_FOR = timedelta(minutes=1)


def take_leave(user: User) -> dict[str, Any]:
    """What the removal of this user's rights must find unchanged; raises `LastAdmin` if nobody else would stay.

    `Busy` where somebody else is removing the same user.
    """
    if Permission.USERS_MANAGE not in user.permissions or not user.active:
        return {}
    now = clock.now()
    unmarked = {"leaving_at": {"$not": {"$gt": now - MARK_COUNTS_FOR}}}
    mark = {"$set": {"leaving_at": now}}
    if not User._get_collection().update_one({"_id": user.id, **unmarked}, mark).modified_count:
        raise Busy
    guard = {"leaving_at": now}
    staying = User.objects.who_may(Permission.USERS_MANAGE).filter(__raw__=unmarked)
    if not any(admin_allowlist.names(email) for email in staying.scalar("email")):
        stay(user, guard)
        raise LastAdmin
    return guard


def stay(user: User, guard: dict[str, Any]) -> None:
    """Takes back the mark that came with `guard`, and nobody else's."""
    if "leaving_at" in guard:
        mark = {"_id": user.id, "leaving_at": guard["leaving_at"]}
        User._get_collection().update_one(mark, {"$unset": {"leaving_at": 1}})
