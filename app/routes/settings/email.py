"""The user's own e-mail address: asking for another one, and the link that confirms it."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access
from app.access import public, signed_in
from app.errors import sentence
from app.forms import refusal
from app.forms.own_settings import EmailForm
from app.models.domain_error import AlreadyExists, Forbidden, InvalidInput, LinkUnusable, TooManyAttempts
from app.services import email_changes

blueprint = Blueprint("settings_email", __name__, url_prefix="/settings/email")


@blueprint.route("", methods=["GET", "POST"])
@signed_in
def email() -> ResponseReturnValue:
    """The address, the form for another one, and what it is sent to."""
    form = EmailForm()
    if not form.validate_on_submit():
        return _page(form, 400 if form.is_submitted() else 200)
    try:
        email_changes.ask(current_user.id, form.email.data, password=form.password.data, by=access.actor())
    except (Forbidden, InvalidInput, TooManyAttempts) as error:
        refusal.show(form, error)
        return _page(form, error.status)
    return redirect(url_for("settings_email.email"), 303)


@blueprint.post("/cancel")
@signed_in
def cancel() -> ResponseReturnValue:
    """Takes the wish for another address back."""
    email_changes.cancel(current_user.id, by=access.actor())
    flash(_("Your address stays as it is."), "success")
    return redirect(url_for("settings_email.email"), 303)


@blueprint.get("/<token>")
@public
def change(token: str) -> ResponseReturnValue:
    """The link's page, which asks first: programs that preview links open them as well."""
    try:
        user = email_changes.find(token)
    except LinkUnusable as error:
        return render_template("settings/change_email.html", user=None), error.status
    was_used = email_changes.was_used(token, user)
    return render_template("settings/change_email.html", user=user, token=token, was_used=was_used)


@blueprint.post("/<token>")
@public
def confirm(token: str) -> ResponseReturnValue:
    """Changes the address."""
    try:
        user = email_changes.confirm(token, address=request.remote_addr or "", request_id=g.get("request_id"))
    except (AlreadyExists, LinkUnusable) as error:
        return render_template("settings/change_email.html", user=None, refused=sentence(error)), error.status
    flash(_("Your e-mail address is now %(email)s.", email=user.email), "success")
    return redirect(url_for("settings_email.email"), 303)


def _page(form: EmailForm, status: int) -> ResponseReturnValue:
    return render_template("settings/email.html", form=form, waiting=email_changes.waiting(current_user)), status
