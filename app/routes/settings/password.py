"""The user's own password."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access
from app.access import signed_in
from app.forms import refusal
from app.forms.own_settings import PasswordForm
from app.models.domain_error import Forbidden, InvalidInput, TooManyAttempts
from app.services import login_sessions, own_settings

blueprint = Blueprint("settings_password", __name__, url_prefix="/settings/password")


@blueprint.route("", methods=["GET", "POST"])
@signed_in
def password() -> ResponseReturnValue:
    """The form, and what it is sent to; this browser goes on with a session in the place of its own, which has ended."""
    form = PasswordForm()
    if not form.validate_on_submit():
        return _page(form, 400 if form.is_submitted() else 200)
    words = {"current": form.current.data, "new": form.password.data}
    try:
        user = own_settings.change_password(current_user.id, **words, by=access.actor())
    except (Forbidden, InvalidInput, TooManyAttempts) as error:
        refusal.show(form, error)
        return _page(form, error.status)
    access.renew(login_sessions.start(user, address=request.remote_addr, user_agent=request.user_agent.string))
    flash(_("Your password is changed. Everywhere else you are signed out."), "success")
    return redirect(url_for("settings_password.password"), 303)


def _page(form: PasswordForm, status: int) -> ResponseReturnValue:
    return render_template("settings/password.html", form=form), status
