"""The link by which a user shows that their e-mail address is theirs: good for three days, and for this address only."""

from datetime import timedelta

from flask import current_app
from limits import RateLimitItemPerHour

from app import clock, rate_limits
from app.models.actor import Actor
from app.models.domain_error import N_, LinkUnusable
from app.models.user import User
from app.services import attempts, confirmation_mail, due, signed_tokens, user_changes

LIFETIME = timedelta(days=3)
MAILS_AN_HOUR = RateLimitItemPerHour(3)
# Why something has to wait for it.
FIRST = N_("Confirm your e-mail address first.")


def is_wanted(user: User) -> bool:
    """Whether the user should confirm their address, and can."""
    return bool(current_app.config["MAIL_SERVER"] and not user.email_confirmed)


def find(token: str) -> User:
    """Whose address the link confirms, or has confirmed; raises `LinkUnusable`. Nothing is changed."""
    user_id, email = signed_tokens.read(token, purpose=confirmation_mail.PURPOSE, lifetime=LIFETIME) or (None, None)
    user = User.objects.active().filter(id=user_id, email=email).first() if user_id else None
    if user is None:
        raise LinkUnusable
    return user


def confirm(token: str, *, address: str, request_id: str | None = None) -> User:
    """The address is the user's from now on, which may bring their first tokens; twice is once. Raises `LinkUnusable`."""
    attempts.count(attempts.few(), "confirm-email", rate_limits.network(address))
    user = find(token)
    by = Actor("user", str(user.id), user.display_name, address, request_id)
    return user_changes.confirm_email(user.id, by=by, email=user.email)


def send_again(user: User) -> None:
    """Sends the mail once more, where it is wanted; raises `TooManyAttempts`."""
    if not is_wanted(user):
        return
    attempts.count(MAILS_AN_HOUR, "confirmation-mail", str(user.id))
    mail = confirmation_mail.item(user, at=clock.now())
    User._get_collection().update_one({"_id": user.id, "email": user.email}, {"$push": {"due": mail}})
    due.perform(User, user.id)
