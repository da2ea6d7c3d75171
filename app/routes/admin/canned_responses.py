"""The messages that reviewers can choose from: the list of them, a new one, changing and removing one."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access
from app.access import requires
from app.errors import sentence
from app.forms import refusal
from app.forms.canned_response import CannedResponseForm
from app.models.canned_response import CannedResponse
from app.models.domain_error import ChangedByOther, InvalidInput
from app.models.permission import Permission
from app.services import canned_responses as service

blueprint = Blueprint("admin_canned_responses", __name__, url_prefix="/admin/canned-responses")


@blueprint.get("")
@requires(Permission.SETTINGS_MANAGE)
def canned_responses() -> ResponseReturnValue:
    """All of them, by name."""
    return render_template("admin/canned_responses/canned_responses.html", responses=service.offered())


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS_MANAGE)
def new() -> ResponseReturnValue:
    """The form for another one."""
    form = CannedResponseForm()
    if not form.validate_on_submit():
        return _form_page(form), 400 if form.is_submitted() else 200
    try:
        made = service.create(**form.facts, by=access.actor())
    except InvalidInput as error:
        refusal.show(form, error)
        return _form_page(form), error.status
    flash(_("Reviewers can choose “%(title)s” now.", title=made.title), "success")
    return redirect(url_for("admin_canned_responses.canned_responses"), 303)


@blueprint.route("/<response_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS_MANAGE)
def edit(response_id: str) -> ResponseReturnValue:
    """One of them, to change it; what somebody else has changed since is not overwritten."""
    response = service.get(response_id)
    form = CannedResponseForm(response)
    if not form.validate_on_submit():
        return _form_page(form, response), 400 if form.is_submitted() else 200
    try:
        service.edit(response, **form.facts, version=int(form.version.data), by=access.actor())
    except (ChangedByOther, InvalidInput) as error:
        refusal.show(form, error)
        return _form_page(form, response), error.status
    flash(_("The change is saved."), "success")
    return redirect(url_for("admin_canned_responses.canned_responses"), 303)


@blueprint.post("/<response_id>/remove")
@requires(Permission.SETTINGS_MANAGE)
def remove(response_id: str) -> ResponseReturnValue:
    """Takes one out of the list; decisions that used it keep its words."""
    response = service.get(response_id)
    try:
        service.remove(response, by=access.actor())
    except ChangedByOther as error:
        flash(sentence(error), "error")
    else:
        flash(_("“%(title)s” is removed.", title=response.title), "success")
    return redirect(url_for("admin_canned_responses.canned_responses"), 303)


def _form_page(form: CannedResponseForm, response: CannedResponse | None = None) -> str:
    return render_template("admin/canned_responses/edit.html", form=form, response=response)
