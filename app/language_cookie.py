"""The cookie that keeps in which language a reader who is not signed in wants this site; nothing else is known by it."""

from flask import current_app, request
from werkzeug.wrappers import Response

from app.models.language import LANGUAGES

YEAR = 365 * 24 * 3600


def read() -> str | None:
    """The language that was chosen in this browser, or None."""
    chosen = request.cookies.get(_name())
    return chosen if chosen in LANGUAGES else None


def write(response: Response, chosen: str) -> None:
    """Keeps the choice in this browser for a year."""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(_name(), chosen, max_age=YEAR, secure=secure, httponly=True, samesite="Lax")


def _name() -> str:
    """Over HTTPS one that browsers take from this host alone."""
    return "__Host-language" if current_app.config["SESSION_COOKIE_SECURE"] else "language"
