"""Registering: a user makes an account for themselves, where the REGISTRATION setting lets them."""

import time

from flask import current_app
from limits import RateLimitItemPerMinute

from app import rate_limits
from app.models.domain_error import NotFound, TooManyAttempts
from app.models.user import User
from app.services import login_sessions, users


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
    _count(address)
    user = users.register(email, password=password, name=name, locale=locale, address=address, request_id=request_id)
    return user, login_sessions.start(user, address=address, user_agent=user_agent)


def waits_for_confirmation(user: User) -> bool:
    """Whether the initial tokens come only when the user's e-mail address is confirmed."""
    settings = current_app.config
    return bool(settings["MAIL_SERVER"] and settings["INITIAL_TOKENS"] and not user.email_confirmed)


def _count(address: str) -> None:
    """Counts this attempt, as attempts to sign in are counted: a page that says which addresses are taken is asked often."""
    limit, who = RateLimitItemPerMinute(current_app.config["SIGN_IN_ATTEMPTS"], 5), rate_limits.network(address)
    if not rate_limits.strategy().hit(limit, "register", who):
        reset_at = rate_limits.strategy().get_window_stats(limit, "register", who).reset_time
        raise TooManyAttempts(retry_after=max(1, round(reset_at - time.time())))
