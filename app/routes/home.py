"""The address that people type."""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import public

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def home() -> ResponseReturnValue:
    """Leads to the chat, or to the sign-in page."""
    return redirect(url_for("chat.chat" if current_user.is_authenticated else "sign_in.sign_in"), 303)
