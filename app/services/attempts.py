"""Limits on attempts that all workers count together, for what could be found out or worn out by trying."""

import time

from flask import current_app
from limits import RateLimitItem, RateLimitItemPerMinute

from app import rate_limits
from app.models.domain_error import TooManyAttempts


def few() -> RateLimitItem:
    """As many in five minutes as attempts to sign in."""
    return RateLimitItemPerMinute(current_app.config["SIGN_IN_ATTEMPTS"], 5)


def count(limit: RateLimitItem, *what: str) -> None:
    """Counts one more attempt at `what`; raises `TooManyAttempts` with the seconds to wait where that is over the limit."""
    if not rate_limits.strategy().hit(limit, *what):
        reset_at = rate_limits.strategy().get_window_stats(limit, *what).reset_time
        raise TooManyAttempts(retry_after=max(1, round(reset_at - time.time())))
