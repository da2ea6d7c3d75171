"""Registering: a user makes an account for themselves, where the REGISTRATION setting lets them."""

from flask import current_app

from app import rate_limits
from app.models.domain_error import NotFound
from app.models.user import User
from app.services import attempts, login_sessions, users


def check_open() -> None:
    """Raises `NotFound` where nobody registers."""
    if current_app.config["REGISTRATION"] != "open":
        raise NotFound


def register(
    email: str,
    *,
    password: str,
    name: str,
    locale: str,
    address: str,
    user_agent: str = "",
    request_id: str | None = None,
) -> tuple[User, str]:
    """The new user, and the token of the session that they are signed in with.

    Raises `NotFound`, `TooManyAttempts`, `InvalidInput` by field, or `AlreadyExists` for an address that is taken.
    """
    check_open()
    # Counted as attempts to sign in are: a page that says which addresses are taken is asked often.
    attempts.count(attempts.few(), "register", rate_limits.network(address))
    user = users.register(email, password=password, name=name, locale=locale, address=address, request_id=request_id)
    return user, login_sessions.start(user, address=address, user_agent=user_agent)


def waits_for_confirmation(user: User) -> bool:
    """Whether the initial tokens come only when the user's e-mail address is confirmed."""
    settings = current_app.config
    return bool(settings["MAIL_SERVER"] and settings["INITIAL_TOKENS"] and not user.email_confirmed)
