"""Signing in: who may try how often, and whether e-mail and password belong together.

A browser that signed in to an account before is known to it by a random token in a cookie, kept as a hash on the user.
From a known device the password is checked whatever the limits say, so that nobody can lock a user out by failing on
purpose. Where there is no such user, the same limits count and the same work is done: nothing shows who has an account.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from limits import RateLimitItem, RateLimitItemPerHour

from app import rate_limits
from app.models.actor import Actor
from app.models.domain_error import BadCredentials, InvalidInput, SignInNeeded, TooManyAttempts, UserInactive
from app.models.user import User
from app.services import attempts, login_sessions, passwords, signed_tokens, two_factor_codes, users

# More browsers than a person has; the oldest is forgotten first.
MOST_DEVICES = 20

PURPOSE = "second step"
# How long the second step may take.
SECOND_STEP = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, with the tokens for the browser's two cookies."""

    user: User
    session_token: str
    device: str


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """The password was right, and the user has two-factor sign-in; `step` says so to `finish`."""

    step: str


def sign_in(
    email: str, password: str, *, address: str, device: str | None = None, user_agent: str = ""
) -> SignedIn | CodeNeeded:
    """Starts a session for the user with this e-mail and password, or asks for a code first.

    Raises `BadCredentials`, `UserInactive` (only after the right password) or `TooManyAttempts`.
    """
    account = _account(email)
    user = User.by_email(account) if account else None
    known = user is not None and _knows(user, device)
    refusal = _count(account or email, address=address, known=known)
    if refusal and not known:
        raise refusal
    if not passwords.matches(user.password_hash if user else None, password) or user is None:
        raise refusal or BadCredentials
    if not user.active:
        raise UserInactive
    if passwords.needs_rehash(user.password_hash):
        _rehash(user, password)
    if user.has_two_factor:
        return CodeNeeded(signed_tokens.sign([str(user.id), user.session_epoch], purpose=PURPOSE))
    return _start(user, device, known=known, address=address, user_agent=user_agent)


def at_second_step(step: str) -> User | None:
    """Whose code is asked for; None where that has ended: by time, by a new password, by whatever else ends sessions."""
    user_id, epoch = signed_tokens.read(step, purpose=PURPOSE, lifetime=SECOND_STEP) or (None, None)
    user = User.objects.active().filter(id=user_id, session_epoch=epoch).first() if user_id else None
    return user if user and user.has_two_factor else None


def finish(
    step: str,
    code: str,
    *,
    address: str,
    device: str | None = None,
    user_agent: str = "",
    request_id: str | None = None,
) -> SignedIn:
    """Starts the session for which `sign_in` asked for a code, of the authenticator app or for recovery.

    Raises `SignInNeeded` where the step has ended, `WrongCode`, or `TooManyAttempts`. Attempts from each known device are
    counted by themselves: who has found out the password and tries codes keeps nobody out of a browser that is known.
    """
    user = at_second_step(step)
    if user is None:
        raise SignInNeeded
    known = _knows(user, device)
    where = _device_hash(user, device) if device and known else "elsewhere"
    by = Actor("user", str(user.id), user.display_name, address, request_id)
    two_factor_codes.accept(user, code, where=where, by=by)
    return _start(user, device, known=known, address=address, user_agent=user_agent)


def _start(user: User, device: str | None, *, known: bool, address: str, user_agent: str) -> SignedIn:
    device = device or secrets.token_urlsafe(32)
    if not known:
        _remember(user, device)
    token = login_sessions.start(user, address=address, user_agent=user_agent)
    return SignedIn(user, token, device)


def _account(email: str) -> str | None:
    """The one spelling of an e-mail that accounts and limits go by; None for what is no e-mail."""
    try:
        return users.normalised_email(email)
    except InvalidInput:
        return None


def _count(account: str, *, address: str, known: bool) -> TooManyAttempts | None:
    """Counts this attempt and returns the refusal, if any limit is passed."""
    few = attempts.few()
    network, name = rate_limits.network(address), hashlib.sha256(account.encode("utf-8", "replace")).hexdigest()
    limits: list[tuple[RateLimitItem, tuple[str, ...]]] = [
        (few, ("sign-in", network)),
        (few, ("sign-in", name, network)),
    ]
    if not known:
        hourly = RateLimitItemPerHour(current_app.config["SIGN_IN_ATTEMPTS_UNKNOWN_DEVICE"])
        limits.append((hourly, ("sign-in", name)))
    try:
        for limit, identifiers in limits:
            attempts.count(limit, *identifiers)
    except TooManyAttempts as refusal:
        return refusal
    return None


def _knows(user: User, device: str | None) -> bool:
    return device is not None and _device_hash(user, device) in user.known_devices


def _device_hash(user: User, device: str) -> str:
    # The user's id is part of it, so that the hashes do not show which accounts share a browser.
    return hashlib.sha256(f"{user.id}:{device}".encode()).hexdigest()


def _remember(user: User, device: str) -> None:
    devices = {"$each": [_device_hash(user, device)], "$slice": -MOST_DEVICES}
    User._get_collection().update_one({"_id": user.id, "active": True}, {"$push": {"known_devices": devices}})


def _rehash(user: User, password: str) -> None:
    # Guarded by the old hash: a new password that was set meanwhile stays.
    old = {"_id": user.id, "password_hash": user.password_hash}
    User._get_collection().update_one(old, {"$set": {"password_hash": passwords.hashed(password)}})
