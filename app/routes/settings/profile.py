"""The user's own name, language and time zone: the first page of the settings."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_login import current_user

from app import access
from app.access import signed_in
from app.forms import refusal
from app.forms.own_settings import ProfileForm
from app.models.domain_error import InvalidInput
from app.services import own_settings

blueprint = Blueprint("settings_profile", __name__, url_prefix="/settings")


@blueprint.route("", methods=["GET", "POST"])
@signed_in
def profile() -> ResponseReturnValue:
    """The form, and what it is sent to."""
    form = ProfileForm.of(current_user)
    if not form.validate_on_submit():
        return _page(form, 400 if form.is_submitted() else 200)
    chosen = {"name": form.name.data or "", "locale": form.locale.data, "time_zone": form.time_zone.data}
    try:
        user = own_settings.change_profile(current_user.id, **chosen, by=access.actor())
    except InvalidInput as error:
        refusal.show(form, error)
        return _page(form, error.status)
    # Whoever has just chosen another language reads the next page in it.
    with force_locale(user.locale):
        flash(_("Your settings are saved."), "success")
    return redirect(url_for("settings_profile.profile"), 303)


def _page(form: ProfileForm, status: int) -> ResponseReturnValue:
    return render_template("settings/profile.html", form=form), status
