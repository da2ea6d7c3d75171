"""The cookie that keeps in which language a reader who is not signed in wants this site; nothing else is known by it."""

from flask import current_app, request
from werkzeug.wrappers import Response

from app.models.language import LANGUAGES

NAME = "language"
YEAR = 365 * 24 * 3600


def read() -> str | None:
    """The language that was chosen in this browser, or None."""
    chosen = request.cookies.get(NAME)
    return chosen if chosen in LANGUAGES else None


def write(response: Response, chosen: str) -> None:
    """Keeps the choice in this browser for a year."""
    response.set_cookie(
        NAME, chosen, max_age=YEAR, secure=current_app.config["SESSION_COOKIE_SECURE"], httponly=True, samesite="Lax"
    )
