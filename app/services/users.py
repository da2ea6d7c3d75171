"""Users: making and finding them; `user_changes.py` is about changing them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import phonenumbers
from bson import ObjectId
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, AlreadyExists, InvalidInput, NotFound, UserInactive
from app.models.due_item import due_item
from app.models.object_id import object_id
from app.models.person import Person
from app.models.plain_text import INVISIBLE, plain_line
from app.models.user import User, search_terms
from app.services import account_reading, audit, confirmation_mail, due, passwords, rights

LONGEST_EMAIL, LONGEST_NAME = 254, 100
_JOINERS = "\u200c\u200d"
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
    check_tier(tier)
    if permissions:
        rights.check_may_give(permissions, email, by=by)
    user = User(id=ObjectId(), email=email, name=name, tier=tier, permissions=permissions)
    user.locale = current_app.config["DEFAULT_LOCALE"]
    # A program passes on what it was told; it has not seen whose address it is.
    user.email_confirmed = by.kind != "key"
    return insert(user, password, by=by)


def register(email: str, *, password: str, name: str, locale: str, address: str | None, request_id: str | None) -> User:
    """A new user by their own hand, with nothing that is for others to give; the e-mail address is not confirmed.

    Raises as `create`. `address` and `request_id` are for the audit trail.
    """
    tier = current_app.config["DEFAULT_TIER"]
    user = User(id=ObjectId(), email=normalised_email(email), name=name.strip(), tier=tier, locale=locale)
    by = Actor("user", str(user.id), user.display_name, address, request_id)
    return insert(user, password, by=by, also=[confirmation_mail.item(user, at=clock.now())])


def insert(user: User, password: str | None, *, by: Actor, also: Iterable[dict[str, Any]] = ()) -> User:
    """Stores a new user whose values were checked, all but the name; raises `InvalidInput` and `AlreadyExists`.

    `also` is due with it.
    """
    user.name = checked_name(user.name)
    if password is not None:
        passwords.check(password, email=user.email)
        user.password_hash = passwords.hashed(password)
    user.time_zone = current_app.config["TIME_ZONE"]
    user.search = search_terms(email=user.email, name=user.name, phone=user.phone, external_id=user.external_id)
    account, _entries = account_reading.opening(user.id, user, clock.now())
    user.out_of_tokens = account_reading.policy().is_out(account.available)
    given = {"tier": user.tier, "permissions": list(user.permissions)}
    user.due = [audit_item(user, Action.USER_CREATE, by=by, after=given), *also]
    user.validate()
    try:
        User._get_collection().insert_one(user.to_mongo())
    except DuplicateKeyError as error:
        raise already_exists(error) from None
    due.perform(User, user.id)
    return get(user.id)


def get(user_id: ObjectId | str) -> User:
    """The user with this id; raises `NotFound`, for what is no id as well."""
    known = user_id if isinstance(user_id, ObjectId) else object_id(user_id)
    user = User.objects(id=known).first() if known else None
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
    """The user whom an operator names: as in `resolve`, and by an e-mail address that is not confirmed. Raises `NotFound`."""
    return (by_email(reference) if "@" in reference else None) or resolve(reference)


def resolve(reference: str) -> User:
    """The user whom a program names: by id, `external:<id>`, or an e-mail address or phone number that is confirmed.

    Raises `NotFound`. What is not confirmed is only what somebody says of themselves, and names nobody.
    """
    where = _named(reference)
    user = User.objects(__raw__=where).first() if where else None
    if user is None:
        raise NotFound(N_("There is no such user."))
    return user


def resolve_id(reference: str) -> ObjectId:
    """The id of the active user whom a program names as in `resolve`: one small look-up, for metering.

    Raises `NotFound`, and `UserInactive` for a deactivated user.
    """
    where = _named(reference)
    found = User._get_collection().find_one(where, {"active": 1}) if where else None
    if found is None:
        raise NotFound(N_("There is no such user."))
    if not found["active"]:
        raise UserInactive
    user_id: ObjectId = found["_id"]
    return user_id


def _named(reference: str) -> dict[str, Any] | None:
    """What to look for where a program names a user so; None where that names nobody."""
    name, _, external_id = reference.partition(":")
    if name == "external" and _EXTERNAL_ID.fullmatch(external_id):
        return {"external_id": external_id}
    if known := object_id(reference):
        return {"_id": known}
    if "@" in reference:
        with suppress(InvalidInput):
            return {"email": normalised_email(reference), "email_confirmed": True}
    elif _PHONE.fullmatch(reference):
        with suppress(InvalidInput):
            return {"phone": normalised_phone(reference), "phone_confirmed": True}
    return None


def page(*, before: ObjectId | None = None, limit: int = 50) -> list[User]:
    """Users, newest first; the last one's id is `before` of the next page."""
    users = User.objects.newest_first()
    if before is not None:
        users = users.filter(id__lt=before)
    return list(users.limit(limit))


def by_ids(user_ids: Iterable[ObjectId]) -> dict[ObjectId, Person]:
    """All these users in one query, for a list that names them; who is gone is left out."""
    shown = ("email", "name", "picture_url", "deleted_at")
    found = User._get_collection().find({"_id": {"$in": list(set(user_ids))}}, shown)
    return {one["_id"]: Person(one["_id"], *map(one.get, shown)) for one in found}


def is_like_phone(text: str) -> bool:
    """Whether `text` may be a phone number, with its plus or without."""
    return _PHONE.fullmatch(text) is not None


def normalised_email(email: str) -> str:
    """The one spelling under which an e-mail address is kept; raises `InvalidInput`."""
    try:
        if len(email) > LONGEST_EMAIL:
            raise EmailNotValidError
        return validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise InvalidInput(errors={"email": [N_("Enter an e-mail address, such as name@example.com.")]}) from None


def normalised_phone(phone: str) -> str:
    """A phone number as it is kept, in E.164 with its plus; the plus may be missing. Raises `InvalidInput`."""
    refusal = InvalidInput(
        errors={"phone": [N_("Enter a phone number with its country code, such as +7 999 123-45-67.")]}
    )
    if not _PHONE.fullmatch(phone):
        raise refusal
    try:
        parsed = phonenumbers.parse(f"+{phone.lstrip('+')}")
    except phonenumbers.NumberParseException:
        raise refusal from None
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise refusal
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def check_external_id(external_id: str) -> None:
    """Raises `NotFound` for what the host product may not call a user."""
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise NotFound(N_("There is no such user: an external id is 1 to 128 of A-Z a-z 0-9 . _ : -"))


def check_tier(tier: str) -> None:
    """Raises `InvalidInput` for what is no tier of the settings."""
    if tier not in current_app.config["TIERS"]:
        raise InvalidInput(errors={"tier": [N_("There is no such tier.")]})


def tier_item(user: User, tier: str, by: Actor) -> dict[str, Any]:
    """What is due with a change of `user.tier`: the account follows. `note_item` comes after it."""
    key = f"user:{user.id}:tier:{ObjectId()}"
    return due_item(key, "account.change_tier", at=clock.now(), user=user.id, tier=tier, by=by.stamp())


def note_item(user: User) -> dict[str, Any]:
    """What is due with a change of how the user's account would open, since no operation notes what follows from that."""
    return due_item(f"user:{user.id}:{ObjectId()}", "users.note_tokens", at=clock.now(), user=user.id)


def checked_name(name: Any) -> str:
    """A user's name as it is kept, trimmed; "" is no name. Raises `InvalidInput`.

    It is one line that looks like what it is: nothing in it turns the direction of the text or takes no room, but for the
    joiners that some scripts spell with.
    """
    refusal = InvalidInput(errors={"name": [N_("Use up to 100 characters, without line breaks or invisible ones.")]})
    try:
        text = plain_line(name, "name", most=LONGEST_NAME)
    except InvalidInput:
        raise refusal from None
    kinds = {unicodedata.category(character) for character in text if character not in _JOINERS}
    if "Cf" in kinds or (text and kinds <= INVISIBLE):
        raise refusal
    return text


def already_exists(error: DuplicateKeyError) -> AlreadyExists:
    """The refusal that names the field under which somebody else is there already."""
    field = next(iter((error.details or {}).get("keyPattern", {})), "email")
    return AlreadyExists(TAKEN.get(field), errors={field: [TAKEN[field]]} if field in TAKEN else None)


def audit_item(user: User, action: Action, *, by: Actor, **said: Mapping[str, Any] | str) -> dict[str, Any]:
    """What is due with a change of a user: the event that says who changed what, `before` and `after`, and its `reason`."""
    return audit.item(f"user:{user.id}:{ObjectId()}", action, by=by, changed=user.as_object(), **said)
