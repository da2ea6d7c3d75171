"""The language of readers who are not signed in; users have theirs in their settings."""

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app import language_cookie
from app.access import public, safe_next
from app.models.language import LANGUAGES

blueprint = Blueprint("language", __name__)


@blueprint.post("/language")
@public
def choose() -> ResponseReturnValue:
    """Keeps the chosen language in this browser, and shows the page again that it was chosen on."""
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        abort(400)
    response = redirect(safe_next(request.form.get("next")) or url_for("home.home"), 303)
    language_cookie.write(response, chosen)
    return response
