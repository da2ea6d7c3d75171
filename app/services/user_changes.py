"""Changing users. A change ends the sessions that it must end, and leaves an audit event."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, Busy, ChangedMeanwhile, Forbidden, InvalidInput
from app.models.due_item import due_item
from app.models.permission import Permission
from app.models.plain_text import plain_text
from app.models.user import User, search_terms
from app.services import due, last_admin, login_sessions, passwords, rights, security_notices, users

LONGEST_REASON = 500
CONFIRMED = {"email_confirmed": True}
# What the event of a change leaves out: a secret, and what has an event of its own.
UNSAID = {"password_hash", "email_confirmed", "known_devices"}


def grant_role(user_id: ObjectId, role: str, *, by: Actor) -> User:
    """Gives the user a role's permissions; they count from the next sign-in."""
    user, given = _kept(user_id), rights.permissions_of([role])
    rights.check_manages(by, other_than=user)
    rights.check_may_give(given, user.email, by=by)
    return _set_permissions(user, {*user.permissions, *given}, action=Action.USER_GRANT_ROLE, by=by, guard={})


def revoke_role(user_id: ObjectId, role: str, *, by: Actor) -> User:
    """Takes a role's permissions away, at once; raises `LastAdmin` if nobody could manage users then."""
    user, taken = users.get(user_id), rights.permissions_of([role])
    rights.check_manages(by, other_than=user)
    guard = last_admin.take_leave(user) if Permission.USERS_MANAGE in taken else {}
    return _set_permissions(user, {*user.permissions} - {*taken}, action=Action.USER_REVOKE_ROLE, by=by, guard=guard)


def set_permissions(
    user_id: ObjectId, permissions: Iterable[str], *, by: Actor, seen: Iterable[str] | None = None
) -> User:
    """Gives the user exactly these permissions; what is new among them must be held by the actor, and may be given to the user.

    `seen` is what the user held when it was chosen. Raises as `grant_role` and `revoke_role`, `InvalidInput` for what is no
    permission, `ChangedMeanwhile` where the user does not hold what was seen.
    """
    user, wanted = _checked_permissions(user_id, permissions, by, seen)
    guard = last_admin.take_leave(user) if Permission.USERS_MANAGE not in wanted else {}
    return _set_permissions(user, wanted, action=Action.USER_SET_PERMISSIONS, by=by, guard=guard)


def taken_by(
    user_id: ObjectId, permissions: Iterable[str], *, by: Actor, seen: Iterable[str] | None = None
) -> list[str]:
    """What `set_permissions` would take from the user; raises as it does, but for what only the change itself finds."""
    user, wanted = _checked_permissions(user_id, permissions, by, seen)
    return sorted({*user.permissions} - wanted)


def deactivate(user_id: ObjectId, *, by: Actor) -> User:
    """Ends the user's sessions, and nobody signs in as them; raises `LastAdmin` if nobody could manage users then."""
    user = users.get(user_id)
    rights.check_manages(by, other_than=user)
    if not user.active:
        return user
    guard = {"active": True, **last_admin.take_leave(user)}
    return _change(user, {"active": False}, action=Action.USER_DEACTIVATE, by=by, guard=guard)


def activate(user_id: ObjectId, *, by: Actor) -> User:
    """Lets a deactivated user sign in again, with the permissions that they had; raises `Forbidden` where `by` holds less."""
    user = _kept(user_id)
    rights.check_manages(by, other_than=user)
    if user.active:
        return user
    # They count again from now on: that is giving them.
    rights.check_holds(user.permissions, by=by)
    return _change(user, {"active": True}, action=Action.USER_ACTIVATE, by=by, guard={"active": False})


def set_tier(user_id: ObjectId, tier: str, *, by: Actor, reason: str = "") -> User:
    """Puts the user, and with them the token account, on another tier; what is used and the period's start stay."""
    user = _kept(user_id)
    rights.check_manages(by, other_than=user)
    users.check_tier(tier)
    reason = plain_text(reason, "reason", most=LONGEST_REASON)
    if tier == user.tier:
        return user
    said = users.audit_item(
        user, Action.USER_SET_TIER, by=by, before={"tier": user.tier}, after={"tier": tier}, reason=reason
    )
    items = [said, users.tier_item(user, tier, by), users.note_item(user)]
    return _write(user, {"tier": user.tier}, {"$set": {"tier": tier}, "$push": {"due": {"$each": items}}})


def set_phone(user_id: ObjectId, phone: str, *, by: Actor) -> User:
    """Sets the user's phone number, which counts as confirmed by whoever manages users; an empty one removes it.

    Raises `InvalidInput`, and `AlreadyExists` for a number that is somebody else's.
    """
    user = _kept(user_id)
    rights.check_manages(by)
    number = users.normalised_phone(phone) if phone.strip() else None
    if (number, number is not None) == (user.phone, user.phone_confirmed):
        return user
    terms = search_terms(email=user.email, name=user.name, phone=number, external_id=user.external_id)
    fields = {"phone_confirmed": number is not None, "search": terms}
    # The trail outlives the person: it says that the number changed, not what it is.
    said = users.audit_item(user, Action.USER_SET_PHONE, by=by, after={"phone_confirmed": number is not None})
    put = {"$set": fields | {"phone": number}} if number else {"$set": fields, "$unset": {"phone": ""}}
    as_read = {field: user[field] for field in ("name", "email", "phone", "external_id")}
    try:
        return _write(user, as_read, put | {"$push": {"due": said}})
    except DuplicateKeyError as error:
        raise users.already_exists(error) from None


def set_password(user_id: ObjectId, password: str, *, by: Actor) -> User:
    """Gives the user a new password and ends all their sessions."""
    user = _kept(user_id)
    if by.kind == "key":
        # It could sign in with it, and would outlive its own end.
        raise Forbidden
    if by.id != str(user.id):
        rights.check_manages(by)
        # Whoever sets a password can sign in with it, and so do whatever its owner may.
        rights.check_holds(user.permissions, by=by)
    return _set_password(user, password, by=by, guard={})


def replace_password(user: User, password: str, *, by: Actor, by_mail: bool = False) -> User:
    """As `set_password`, for somebody who has shown that they are this user; raises `Busy` unless both are still as read.

    `by_mail`: a mail to their address has shown it, which the same write confirms.
    """
    guard = {"email": user.email, "password_hash": user.password_hash, "active": True}
    return _set_password(user, password, by=by, guard=guard, confirms=by_mail and not user.email_confirmed)


def confirm_email(user_id: ObjectId, *, by: Actor, email: str | None = None) -> User:
    """The address is the user's: they showed it, or somebody who manages users says so. Brings the initial tokens, once.

    `email`: it is this one that was shown; if the user has another one by now, nothing is confirmed.
    """
    user = users.get(user_id)
    if by.id != str(user.id):
        rights.check_manages(by)
    changed = User._get_collection().update_one(
        {"_id": user.id, "email": email or user.email, "email_confirmed": False, "deleted_at": None},
        {"$set": CONFIRMED, "$push": {"due": {"$each": _confirmation_items(user, by)}}},
    )
    if changed.modified_count:
        due.perform(User, user.id)
    return users.get(user.id)


def initial_items(user: User, *, at: datetime) -> list[dict[str, Any]]:
    """What is due when an address is confirmed for the first time: the initial tokens."""
    given = due_item("initial", "account.grant_initial", at=at, user=user.id)
    # An account that opens with these tokens has no operation that brings them, and so none that notes them.
    return [given, due_item("initial", "users.note_tokens", at=at, user=user.id)]


def _kept(user_id: ObjectId) -> User:
    """The user, unless their owner has deleted the account: nothing of a person comes back to it."""
    user = users.get(user_id)
    if user.deleted_at:
        raise Forbidden(N_("The owner has deleted this account."))
    return user


def _checked_permissions(
    user_id: ObjectId, permissions: Iterable[str], by: Actor, seen: Iterable[str] | None
) -> tuple[User, set[str]]:
    user, wanted = _kept(user_id), {str(permission) for permission in permissions}
    rights.check_manages(by, other_than=user)
    # Whoever sends the same form twice wants what is so already.
    if seen is not None and {*user.permissions} not in ({*seen}, wanted):
        raise ChangedMeanwhile(
            N_(
                "The permissions have changed since you opened this page. Held now: %(held)s. Look at your choice again."
            ),
            held=", ".join(sorted(user.permissions)) or "–",
        )
    if not wanted <= set(Permission):
        raise InvalidInput(errors={"permissions": [N_("There is no such permission.")]})
    if given := wanted - set(user.permissions):
        rights.check_may_give(given, user.email, by=by)
    return user, wanted


def _confirmation_items(user: User, by: Actor) -> list[dict[str, Any]]:
    before = {"email_confirmed": False}
    said = users.audit_item(user, Action.USER_CONFIRM_EMAIL, by=by, before=before, after=CONFIRMED)
    return [*initial_items(user, at=said["at"]), said]


def _set_password(user: User, password: str, *, by: Actor, guard: dict[str, Any], confirms: bool = False) -> User:
    passwords.check(password, email=user.email)
    values: dict[str, Any] = {"password_hash": passwords.hashed(password), **(CONFIRMED if confirms else {})}
    # Who has known the old one may not go on guessing from a browser that no limit keeps out.
    values["known_devices"] = []
    told = security_notices.item(user, security_notices.What.PASSWORD, at=clock.now())
    also = [told, *(_confirmation_items(user, by) if confirms else [])]
    return _change(user, values, action=Action.USER_SET_PASSWORD, by=by, guard=guard, also=also)


def _set_permissions(user: User, permissions: set[str], *, action: Action, by: Actor, guard: dict[str, Any]) -> User:
    after = sorted(permissions)
    if after == sorted(user.permissions):
        return user
    guard = {"permissions": user.permissions, **guard}
    return _change(user, {"permissions": after}, action=action, by=by, guard=guard)


def _write(user: User, as_read: dict[str, Any], update: dict[str, Any]) -> User:
    """The one write of what ends no session: only if the user is still as read; raises `Busy` otherwise."""
    there = {"_id": user.id, "deleted_at": None, **as_read}
    if not User._get_collection().update_one(there, update).matched_count:
        raise Busy
    due.perform(User, user.id)
    return users.get(user.id)


def _change(
    user: User,
    values: dict[str, Any],
    *,
    action: Action,
    by: Actor,
    guard: dict[str, Any],
    also: Sequence[dict[str, Any]] = (),
) -> User:
    """The one write of what ends all sessions, by a new epoch: only if `guard` still holds, and with what is due.

    The user as this write left them: a session started for them ends with whatever ends sessions after it.
    """
    said = {field: value for field, value in values.items() if field not in UNSAID}
    before = {field: user[field] for field in said}
    changed = User._get_collection().find_one_and_update(
        {"_id": user.id, "deleted_at": None, **guard},
        {
            "$set": values,
            "$unset": {"leaving_at": 1},
            "$inc": {"session_epoch": 1},
            "$push": {"due": {"$each": [users.audit_item(user, action, by=by, before=before, after=said), *also]}},
        },
        return_document=ReturnDocument.AFTER,
    )
    if changed is None:
        last_admin.stay(user, guard)
        raise Busy
    login_sessions.sweep(user.id, before_epoch=changed["session_epoch"])
    due.perform(User, user.id)
    return User._from_son(changed)
