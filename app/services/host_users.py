"""The users of the host product: it says who they are, under the id that it calls them by."""

from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError

from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, AlreadyExists, Busy, InvalidInput, UserInactive, UserProtected
from app.models.permission import Permission
from app.models.user import User, search_terms
from app.services import due, rights, users

# How often a call that others overtook looks again before it gives up.
MOST_ATTEMPTS = 20
# What tells who a user is.
IDENTITY = frozenset({"email", "phone"})
# What search finds them by; the trail, which outlives the person, says that it changed, but not what it is.
PERSONAL = frozenset({"name", *IDENTITY})


def put(external_id: str, values: Mapping[str, Any], *, by: Actor) -> tuple[User, bool]:
    """Makes or changes the user of this external id; returns them, and whether they are new.

    `values` may hold name, email, phone (None: none), locale and tier; what is absent stays as it is, and a new user needs an
    e-mail address. Raises `NotFound` for what is no external id, `InvalidInput` by field, `AlreadyExists` naming the field,
    `UserInactive`, `UserProtected` for another e-mail or phone of a protected user, `Forbidden` for one's own tier.
    """
    rights.check_holds([Permission.USAGE_WRITE], by=by)
    users.check_external_id(external_id)
    checked = _checked(values)
    for _attempt in range(MOST_ATTEMPTS):
        user = User.objects(external_id=external_id).first()
        if user is not None:
            if (changed := _change(user, checked, by)) is not None:
                return changed, False
            continue
        try:
            return _make(external_id, checked, by), True
        except AlreadyExists:
            # Another call may have made this very user just now; otherwise e-mail or phone are somebody else's.
            if not User.objects(external_id=external_id):
                raise
    raise Busy


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are kept."""
    checked = dict(values)
    if "name" in values:
        checked["name"] = users.checked_name(values["name"])
    if "email" in values:
        checked["email"] = users.normalised_email(values["email"])
    if values.get("phone") is not None:
        checked["phone"] = users.normalised_phone(values["phone"])
    if "tier" in values:
        users.check_tier(values["tier"])
    return checked


def _make(external_id: str, values: Mapping[str, Any], by: Actor) -> User:
    if "email" not in values:
        raise InvalidInput(errors={"email": [N_("A new user needs an e-mail address.")]})
    defaults = {"locale": current_app.config["DEFAULT_LOCALE"], "tier": current_app.config["DEFAULT_TIER"]}
    return users.insert(User(id=ObjectId(), external_id=external_id, **defaults | dict(values)), None, by=by)


def _change(user: User, values: Mapping[str, Any], by: Actor) -> User | None:
    """One write, only if the user is still as read; None where somebody else was quicker."""
    if not user.active:
        raise UserInactive
    changes = {field: value for field, value in values.items() if value != user[field]}
    if not changes:
        return user
    if user.is_protected and changes.keys() & IDENTITY:
        raise UserProtected
    if "tier" in changes:
        rights.check_is_another(user, by=by)
    try:
        changed = User._get_collection().update_one(_as_read(user, changes), _update(user, changes, by))
    except DuplicateKeyError as error:
        raise users.already_exists(error) from None
    if not changed.matched_count:
        return None
    due.perform(User, user.id)
    return users.get(user.id)


def _as_read(user: User, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What must still hold when the changes are written."""
    held = {field: user[field] for field in {*changes, *PERSONAL}}
    if changes.keys() & IDENTITY:
        held |= {"password_hash": None, "permissions.0": {"$exists": False}}
    return {"_id": user.id, "active": True, **held}


def _update(user: User, changes: Mapping[str, Any], by: Actor) -> dict[str, Any]:
    confirmed = {f"{field}_confirmed": False for field in IDENTITY if field in changes}
    after = {field: user[field] for field in PERSONAL} | dict(changes)
    terms = search_terms(external_id=user.external_id, **{field: after[field] for field in PERSONAL})
    written = {**changes, **confirmed, "search": terms}
    removed = {field: "" for field, value in changes.items() if value is None}
    shown = changes.keys() - PERSONAL
    said = {field: changes[field] for field in shown} | {"changed": sorted(changes)}
    before = {field: user[field] for field in shown}
    items = [users.audit_item(user, Action.USER_UPDATE, by=by, before=before, after=said)]
    if "tier" in changes:
        items.append(users.tier_item(user, changes["tier"], by))
    if changes.keys() & {"tier", "email"}:
        items.append(users.note_item(user))
    update: dict[str, Any] = {
        "$set": {field: value for field, value in written.items() if value is not None},
        "$push": {"due": {"$each": items}},
    }
    return update | ({"$unset": removed} if removed else {})
