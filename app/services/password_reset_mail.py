"""Asking for a link by which a forgotten password is replaced. `password_resets` is about using it.

Whoever asks learns nothing about who has an account: the address is written down, and a worker looks later whose it is.
"""

import hashlib
from datetime import datetime, timedelta

from bson import ObjectId
from flask import current_app
from limits import RateLimitItemPerHour

from app import clock, rate_limits
from app.models.domain_error import NotFound
from app.models.due_item import due_item
from app.models.password_reset import PasswordReset
from app.models.user import User
from app.services import attempts, deliveries, signed_tokens, users

PURPOSE = "password reset"
LIFETIME = timedelta(hours=1)
# Links that are sent to one address: more would only fill somebody's mailbox.
LINKS_AN_HOUR = RateLimitItemPerHour(5)


def check_open() -> None:
    """Raises `NotFound` where no mail is sent."""
    if not current_app.config["MAIL_SERVER"]:
        raise NotFound


def ask(email: str, *, address: str) -> None:
    """Notes that somebody at this network address wants a link for `email`; raises `InvalidInput`, `TooManyAttempts`."""
    check_open()
    attempts.count(attempts.few(), "password-reset", rate_limits.network(address))
    email = users.normalised_email(email)
    attempts.count(LINKS_AN_HOUR, "password-reset", hashlib.sha256(email.encode()).hexdigest())
    reset = PasswordReset(id=ObjectId(), created_at=clock.now())
    # Left to the worker: done here, it would take longer where there is such a user.
    reset.due = [due_item(f"password_reset:{reset.id}", "password_reset.send", at=reset.created_at, email=email)]
    PasswordReset._get_collection().insert_one(reset.to_mongo())


def send(*, key: str, at: datetime, email: str) -> None:
    """Leaves the link to the mail, if it is for somebody; a verb of `due`."""
    user = User.by_email(email)
    if user is None or not user.active:
        return
    # An address that nobody has shown, with no password behind it, is what a program has said.
    if user.password_hash or user.email_confirmed:
        values = {"token": token_for(user), "until": clock.now() + LIFETIME}
        deliveries.send_mail(key=key, user=user.id, template="password_reset", values=values, at=at)


def token_for(user: User) -> str:
    """What the link carries: it fits until the user has another password, or another address."""
    return signed_tokens.sign([str(user.id), fingerprint(user)], purpose=PURPOSE)


def fingerprint(user: User) -> str:
    """What a reset changes."""
    return hashlib.sha256(f"{user.id}:{user.email}:{user.password_hash}".encode()).hexdigest()[:32]
