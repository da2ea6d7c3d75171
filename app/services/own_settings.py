"""What users set for themselves: the name that others see, language, time zone, password."""

from bson import ObjectId
from flask import current_app
from limits import RateLimitItemPerHour

from app.models import time_zones
from app.models.actor import Actor
from app.models.domain_error import N_, Busy, Forbidden, InvalidInput
from app.models.language import LANGUAGES
from app.models.user import User, search_terms
from app.services import attempts, passwords, user_changes, users


def change_profile(user_id: ObjectId, *, name: str, locale: str, time_zone: str, by: Actor) -> User:
    """Sets how others see the user, and how the user sees texts and times; raises `InvalidInput` by field."""
    user = own(user_id, by)
    name = users.checked_name(name)
    if locale not in LANGUAGES:
        raise InvalidInput(errors={"locale": [N_("There is no such language.")]})
    # Whoever was given a zone that is not in the list may keep it.
    if time_zone not in (user.time_zone, *time_zones.names()):
        raise InvalidInput(errors={"time_zone": [N_("There is no such time zone.")]})
    terms = search_terms(email=user.email, name=name, phone=user.phone, external_id=user.external_id)
    as_read = {field: user[field] for field in ("name", "email", "phone", "external_id")}
    written = User._get_collection().update_one(
        {"_id": user.id, "active": True, **as_read},
        {"$set": {"name": name, "locale": locale, "time_zone": time_zone, "search": terms}},
    )
    if not written.matched_count:
        raise Busy
    return users.get(user.id)


def change_password(user_id: ObjectId, *, current: str, new: str, by: Actor) -> User:
    """Sets a new password and ends all sessions; raises `InvalidInput` by field, or as `check_password`."""
    user = own(user_id, by)
    check_password(user, current, field="current")
    return user_changes.replace_password(user, new, by=by)


def check_password(user: User, password: str, *, field: str = "password") -> None:
    """Whether somebody who is signed in is the user, and not only at their desk: by the password.

    Raises `InvalidInput` for `field`, `TooManyAttempts`, or `Forbidden` where the user has no password.
    """
    if not user.password_hash:
        raise Forbidden(N_("You sign in without a password, through the product that brought you here."))
    hourly = RateLimitItemPerHour(current_app.config["SIGN_IN_ATTEMPTS_UNKNOWN_DEVICE"])
    for limit in (attempts.few(), hourly):
        attempts.count(limit, "own password", str(user.id))
    if not passwords.matches(user.password_hash, password):
        raise InvalidInput(errors={field: [N_("This is not your password.")]})


def own(user_id: ObjectId, by: Actor) -> User:
    """The user, who alone decides this, and not by a key: what it changed would outlive its own end."""
    if by.kind != "user" or by.id != str(user_id):
        raise Forbidden
    return users.get(user_id)
