"""How often somebody may call the API: each key and each session, and each address that shows neither, or none that is good."""

from flask import g
from limits import RateLimitItemPerMinute

from app import rate_limits
from app.models.permission import Permission

CALLS_A_MINUTE = RateLimitItemPerMinute(300)
# Counted by each process in its memory: metering must not wait for a counter.
METERING_CALLS_A_MINUTE = RateLimitItemPerMinute(6_000)


def count_call() -> None:
    """Counts a call that the gate has let through; it has said who calls, unless anybody may."""
    api_key = g.get("api_key")
    if api_key is None and "login_session" not in g:
        rate_limits.count(rate_limits.in_memory(), CALLS_A_MINUTE, "api", "address", rate_limits.caller())
    elif api_key is None:
        rate_limits.count(rate_limits.strategy(), CALLS_A_MINUTE, "api", "session", g.login_session.id)
    elif api_key.allows(Permission.USAGE_WRITE):
        rate_limits.count(rate_limits.in_memory(), METERING_CALLS_A_MINUTE, "api", "key", str(api_key.id))
    else:
        rate_limits.count(rate_limits.strategy(), CALLS_A_MINUTE, "api", "key", str(api_key.id))


def count_refusal() -> None:
    """Counts a call that the gate refuses: for the key or the session it came with, or else for its address.

    Addresses have a count of their own for these, in memory: what others there are refused costs nobody a call.
    """
    if "api_key" in g or "login_session" in g:
        count_call()
    else:
        rate_limits.count(rate_limits.in_memory(), CALLS_A_MINUTE, "api", "refusals", rate_limits.caller())
