"""Who is meant by a phone number: the caller, or for who may name others the user whose confirmed number it is."""

import unicodedata

from flask import g
from flask_login import current_user

from app.models.api_key import SELF
from app.models.domain_error import N_, InvalidInput, NotFound, UserInactive
from app.models.permission import Permission
from app.models.user import User
from app.services import users

PHONE = "With its country code; digits compare, whatever stands between them."
WHOSE = f"{PHONE} The caller's, or for keys with `usage.write` the confirmed number of any user."
LONGEST = 40
# Punctuation, spaces, symbols, and the invisible marks that address books copy along; neither letters nor other digits.
BETWEEN_DIGITS = "Pc Pd Ps Pe Pi Pf Po Zs Sm Sc Sk So Cf".split()


def subject(phone: str | None, field: str) -> User:
    """Whom a call is about: the caller, or for a metering key the user whom it names; `field` is where it does."""
    api_key = g.get("api_key")
    may_name_others = api_key is not None and api_key.allows(Permission.USAGE_WRITE)
    if phone is not None:
        found = named(phone, may_name_others=may_name_others)
        if not found.active:
            raise UserInactive
        return found
    if may_name_others and not api_key.allows(SELF):
        raise InvalidInput(errors={field: [N_("This key must name a user by phone number.")]})
    user: User = current_user
    return user


def named(phone: str, *, may_name_others: bool) -> User:
    """The caller, where it is their number, else the user whose confirmed number it is, if the caller may name them."""
    known = digits(phone)
    acts_for_self = "api_key" not in g or g.api_key.allows(SELF)
    if acts_for_self and current_user.phone and known == digits(current_user.phone):
        user: User = current_user
        return user
    if not known or not may_name_others:
        raise NotFound
    return users.resolve(f"+{known}")


def digits(phone: str) -> str:
    """The digits of a phone number; none of what is too long to be one, or holds letters or digits that are not ASCII."""
    between = [one for one in phone if one not in "0123456789"]
    if len(phone) > LONGEST or any(unicodedata.category(one) not in BETWEEN_DIGITS for one in between):
        return ""
    return "".join(one for one in phone if one not in between)
