"""Using the link by which a forgotten password is replaced: once, within an hour."""

from app import rate_limits
from app.models.actor import Actor
from app.models.domain_error import Busy, LinkUnusable
from app.models.user import User
from app.services import attempts, password_reset_mail, signed_tokens, user_changes


def find(token: str) -> User:
    """Whose password the link replaces; raises `LinkUnusable`. Nothing is used up."""
    lifetime = password_reset_mail.LIFETIME
    user_id, seen = signed_tokens.read(token, purpose=password_reset_mail.PURPOSE, lifetime=lifetime) or (None, None)
    user = User.objects.active().filter(id=user_id).first() if user_id else None
    if user is None or password_reset_mail.fingerprint(user) != seen:
        raise LinkUnusable
    return user


def use(token: str, password: str, *, address: str, request_id: str | None = None) -> User:
    """Sets the password and ends all sessions; the address counts as confirmed, since the mail has arrived there.

    Nobody is signed in by it: a second step, where the user has one, is still asked for. Raises `LinkUnusable`, `InvalidInput`,
    `TooManyAttempts`.
    """
    attempts.count(attempts.few(), "password-reset-use", rate_limits.network(address))
    user = find(token)
    by = Actor("user", str(user.id), user.display_name, address, request_id)
    try:
        return user_changes.replace_password(user, password, by=by, by_mail=True)
    except Busy:
        # Somebody has used it, or another link, at the same moment.
        raise LinkUnusable from None
