"""What is kept about a user: taking all of it along, and deleting the account."""

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

from app import access
from app.access import signed_in
from app.forms import refusal
from app.forms.own_settings import DeletionForm, DeletionWithoutPasswordForm
from app.models.domain_error import Forbidden, InvalidInput, TooManyAttempts
from app.routes import downloads
from app.services import account_deletion, personal_export

blueprint = Blueprint("settings_own_data", __name__, url_prefix="/settings/data")


@blueprint.get("")
@signed_in
def own_data() -> str:
    """What can be done about it."""
    return _page(_form())


@blueprint.get("/export.json")
@signed_in
def export() -> Response:
    """All of it as one file, sent as it is read."""
    return downloads.streaming_document("tokendesk", personal_export.export(current_user.id, by=access.actor()))


@blueprint.post("/delete")
@signed_in
def delete() -> ResponseReturnValue:
    """Deletes the account."""
    form = _form()
    if not form.validate_on_submit():
        return _page(form), 400
    try:
        account_deletion.delete(current_user.id, proof=form.proof.data, by=access.actor())
    except (Forbidden, InvalidInput, TooManyAttempts) as error:
        refusal.show(form, error)
        return _page(form), error.status
    access.sign_out()
    flash(_("Your account is deleted."), "success")
    return redirect(url_for("sign_in.sign_in"), 303)


def _form() -> FlaskForm:
    return DeletionForm() if current_user.password_hash else DeletionWithoutPasswordForm()


def _page(form: FlaskForm) -> str:
    return render_template("settings/own_data.html", form=form)
