"""Where a user is signed in, and ending that."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from app.access import signed_in
from app.models.user_agent import described
from app.services import login_sessions

blueprint = Blueprint("settings_sessions", __name__, url_prefix="/settings/sessions")


@blueprint.get("")
@signed_in
def sessions() -> str:
    """The browsers, this one among them."""
    rows = login_sessions.live(current_user)
    return render_template("settings/sessions.html", rows=rows, here=g.login_session.id, described=described)


@blueprint.post("/<session_id>/end")
@signed_in
def end(session_id: str) -> ResponseReturnValue:
    """Signs the user out in one browser."""
    login_sessions.end_one(current_user.id, session_id)
    flash(_("That device is signed out."), "success")
    return redirect(url_for("settings_sessions.sessions"), 303)


@blueprint.post("/end-others")
@signed_in
def end_others() -> ResponseReturnValue:
    """Signs the user out everywhere else."""
    ended = login_sessions.end_others(current_user.id, but=g.login_session.id)
    flash(ngettext("%(num)s other device is signed out.", "%(num)s other devices are signed out.", ended), "success")
    return redirect(url_for("settings_sessions.sessions"), 303)
