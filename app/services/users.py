"""Users: making, finding and changing them. A change ends the sessions that it must end, and leaves an audit event."""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, AlreadyExists, Busy, Forbidden, InvalidInput, NotFound
from app.models.due_item import due_item
from app.models.permission import Permission
from app.models.user import User
from app.services import due, last_admin, login_sessions, passwords, rights

LONGEST_EMAIL, LONGEST_NAME = 254, 100
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# As people write it: with spaces, dashes and brackets, with and without the plus.
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{4,30}")
TAKEN = {
    "email": N_("A user with this e-mail address exists already."),
    "phone": N_("A user with this phone number exists already."),
    "external_id": N_("A user with this external id exists already."),
}


def create(
    email: str,
    *,
    password: str | None,
    name: str = "",
    tier: str | None = None,
    roles: Iterable[str] = (),
    by: Actor,
) -> User:
    """A new user; without a password nobody can sign in with one. Whoever manages users vouches for the address.

    Raises `InvalidInput` by field, `AlreadyExists` naming the field, `Forbidden` where `by` holds less than it gives.
    """
    rights.check_manages(by)
    email = normalised_email(email)
    tier = tier or current_app.config["DEFAULT_TIER"]
    permissions = rights.permissions_of(roles)
    if tier not in current_app.config["TIERS"]:
        raise InvalidInput(errors={"tier": [N_("There is no such tier.")]})
    if permissions:
        rights.check_may_give(permissions, email, by=by)
    user = User(id=ObjectId(), email=email, name=name, tier=tier, permissions=permissions)
    user.locale = current_app.config["DEFAULT_LOCALE"]
    # A program passes on what it was told; it has not seen whose address it is.
    user.email_confirmed = by.kind != "key"
    return _insert(user, password, by=by)


def register(email: str, *, password: str, name: str, locale: str, address: str | None, request_id: str | None) -> User:
    """A new user by their own hand, with nothing that is for others to give; the e-mail address is not confirmed.

    Raises as `create`. `address` and `request_id` are for the audit trail.
    """
    tier = current_app.config["DEFAULT_TIER"]
    user = User(id=ObjectId(), email=normalised_email(email), name=name.strip(), tier=tier, locale=locale)
    return _insert(user, password, by=Actor("user", str(user.id), user.display_name, address, request_id))


def _insert(user: User, password: str | None, *, by: Actor) -> User:
    _check_name(user.name)
    user.name = user.name.strip()
    if password is not None:
        passwords.check(password, email=user.email)
        user.password_hash = passwords.hashed(password)
    user.time_zone = current_app.config["TIME_ZONE"]
    given = {"tier": user.tier, "permissions": list(user.permissions)}
    user.due = [_audit(user, Action.USER_CREATE, by=by, after=given)]
    user.validate()
    try:
        User._get_collection().insert_one(user.to_mongo())
    except DuplicateKeyError as error:
        raise _already_exists(error) from None
    due.perform(User, user.id)
    return get(user.id)


def get(user_id: ObjectId | str) -> User:
    """The user with this id; raises `NotFound`, for what is no id as well."""
    try:
        user = User.objects(id=ObjectId(user_id)).first()
    except (InvalidId, TypeError):
        user = None
    if user is None:
        raise NotFound(N_("There is no such user."))
    return user


def by_email(email: str) -> User | None:
    """The user with this e-mail, however it is spelt; None also for what is no e-mail."""
    try:
        return User.by_email(normalised_email(email))
    except InvalidInput:
        return None


def find(reference: str) -> User:
    """The user whom an operator names by e-mail or id; raises `NotFound`."""
    if "@" not in reference:
        return get(reference)
    user = by_email(reference)
    if user is None:
        raise NotFound(N_("There is no such user."))
    return user


def resolve(reference: str) -> User:
    """The user whom a program names: by id, `external:<id>`, or an e-mail address or phone number that is confirmed.

    Raises `NotFound`. What is not confirmed is only what somebody says of themselves, and names nobody.
    """
    name, _, external_id = reference.partition(":")
    found = User.objects.none()
    if name == "external" and _EXTERNAL_ID.fullmatch(external_id):
        found = User.objects(external_id=external_id)
    elif _OBJECT_ID.fullmatch(reference):
        found = User.objects(id=reference)
    elif "@" in reference:
        with suppress(InvalidInput):
            found = User.objects(email=normalised_email(reference), email_confirmed=True)
    elif _PHONE.fullmatch(reference):
        found = User.objects(phone="+" + re.sub("[^0-9]", "", reference), phone_confirmed=True)
    user = found.first()
    if user is None:
        raise NotFound(N_("There is no such user."))
    return user


def page(*, before: ObjectId | None = None, limit: int = 50) -> list[User]:
    """Users, newest first; the last one's id is `before` of the next page."""
    users = User.objects.newest_first()
    if before is not None:
        users = users.filter(id__lt=before)
    return list(users.limit(limit))


def by_ids(user_ids: Iterable[ObjectId]) -> dict[ObjectId, User]:
    """Name, e-mail and picture of all these users in one query, for a list that names them; who is gone is left out."""
    found = User.objects(id__in=list(set(user_ids))).only("name", "email", "picture_url")
    return {user.id: user for user in found}


def normalised_email(email: str) -> str:
    """The one spelling under which an e-mail address is kept; raises `InvalidInput`."""
    try:
        if len(email) > LONGEST_EMAIL:
            raise EmailNotValidError
        return validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise InvalidInput(errors={"email": [N_("Enter an e-mail address, such as name@example.com.")]}) from None


def grant_role(user_id: ObjectId, role: str, *, by: Actor) -> User:
    """Gives the user a role's permissions; they count from the next sign-in."""
    user, given = get(user_id), rights.permissions_of([role])
    rights.check_manages(by, other_than=user)
    rights.check_may_give(given, user.email, by=by)
    return _set_permissions(user, {*user.permissions, *given}, action=Action.USER_GRANT_ROLE, by=by)


def revoke_role(user_id: ObjectId, role: str, *, by: Actor) -> User:
    """Takes a role's permissions away, at once; raises `LastAdmin` if nobody could manage users then."""
    user, taken = get(user_id), rights.permissions_of([role])
    rights.check_manages(by, other_than=user)
    guard = last_admin.take_leave(user) if Permission.USERS_MANAGE in taken else {}
    return _set_permissions(user, {*user.permissions} - {*taken}, action=Action.USER_REVOKE_ROLE, by=by, guard=guard)


def deactivate(user_id: ObjectId, *, by: Actor) -> User:
    """Ends the user's sessions, and nobody signs in as them; raises `LastAdmin` if nobody could manage users then."""
    user = get(user_id)
    rights.check_manages(by, other_than=user)
    if not user.active:
        return user
    guard = {"active": True, **last_admin.take_leave(user)}
    return _change(user, {"active": False}, action=Action.USER_DEACTIVATE, by=by, guard=guard)


def set_password(user_id: ObjectId, password: str, *, by: Actor) -> User:
    """Gives the user a new password and ends all their sessions."""
    user = get(user_id)
    if by.kind == "key":
        # It could sign in with it, and would outlive its own end.
        raise Forbidden
    if by.id != str(user.id):
        rights.check_manages(by)
        # Whoever sets a password can sign in with it, and so do whatever its owner may.
        rights.check_holds(user.permissions, by=by)
    passwords.check(password, email=user.email)
    return _change(user, {"password_hash": passwords.hashed(password)}, action=Action.USER_SET_PASSWORD, by=by)


def confirm_email(user_id: ObjectId, *, by: Actor) -> User:
    """The address is the user's: they showed it, or somebody who manages users says so. Brings the initial tokens, once."""
    user = get(user_id)
    if by.id != str(user.id):
        rights.check_manages(by)
    confirmed = {"email_confirmed": True}
    said = _audit(user, Action.USER_CONFIRM_EMAIL, by=by, before={"email_confirmed": False}, after=confirmed)
    given = due_item("initial", "account.grant_initial", at=said["at"], user=user.id)
    changed = User._get_collection().update_one(
        {"_id": user.id, "email": user.email, "email_confirmed": False},
        {"$set": confirmed, "$push": {"due": {"$each": [given, said]}}},
    )
    if changed.modified_count:
        due.perform(User, user.id)
    return get(user.id)


def _set_permissions(
    user: User, permissions: set[str], *, action: Action, by: Actor, guard: dict[str, Any] | None = None
) -> User:
    after = sorted(permissions)
    if after == sorted(user.permissions):
        return user
    guard = {"permissions": user.permissions, **(guard or {})}
    return _change(user, {"permissions": after}, action=action, by=by, guard=guard)


def _change(
    user: User, values: dict[str, Any], *, action: Action, by: Actor, guard: dict[str, Any] | None = None
) -> User:
    """The one write: only if `guard` still holds, with a new epoch that ends all sessions, and with what is due."""
    said = {field: value for field, value in values.items() if field != "password_hash"}
    before = {field: user[field] for field in said}
    changed = User._get_collection().find_one_and_update(
        {"_id": user.id, **(guard or {})},
        {
            "$set": values,
            "$unset": {"leaving_at": 1},
            "$inc": {"session_epoch": 1},
            "$push": {"due": _audit(user, action, by=by, before=before, after=said)},
        },
        projection={"session_epoch": 1},
        return_document=ReturnDocument.AFTER,
    )
    if changed is None:
        last_admin.stay(user, guard or {})
        raise Busy
    login_sessions.sweep(user.id, before_epoch=changed["session_epoch"])
    due.perform(User, user.id)
    return get(user.id)


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidInput(errors={"name": [N_("Use up to 100 letters, without line breaks.")]})


def _already_exists(error: DuplicateKeyError) -> AlreadyExists:
    field = next(iter((error.details or {}).get("keyPattern", {})), "email")
    return AlreadyExists(TAKEN.get(field), errors={field: [TAKEN[field]]} if field in TAKEN else None)


def _audit(
    user: User, action: Action, *, by: Actor, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
) -> dict[str, Any]:
    return due_item(
        f"user:{user.id}:{ObjectId()}",
        "audit",
        at=clock.now(),
        action=str(action),
        actor=by.trail(),
        object=user.as_object(),
        before=before,
        after=after,
    )
