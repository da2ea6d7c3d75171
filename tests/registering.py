"""Registering as tests do it, and what a call comes to."""

from app.models.domain_error import AlreadyExists, Busy, Forbidden, InvalidInput, LastAdmin, NotFound
from app.services import users
from tests.factories import PASSWORD


def outcome(function, *args, **kwargs):
    """What a call comes to: the name of the refusal, or "done"."""
    try:
        function(*args, **kwargs)
    except (AlreadyExists, Busy, Forbidden, InvalidInput, LastAdmin, NotFound) as refusal:
        return type(refusal).__name__
    return "done"


def register(email, password=PASSWORD, name="", locale="en"):
    """A user who registers from a known address."""
    return users.register(email, password=password, name=name, locale=locale, address="192.0.2.1", request_id="r-1")
