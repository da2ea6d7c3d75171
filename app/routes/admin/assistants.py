"""The assistants that answer in the chat: the list of them, a new one, and changing one."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access
from app.access import requires
from app.forms import refusal
from app.forms.assistant import AssistantForm
from app.models.assistant import Assistant
from app.models.domain_error import ChangedByOther, InvalidInput, LastAssistant
from app.models.permission import Permission
from app.services import assistant_changes as service

blueprint = Blueprint("admin_assistants", __name__, url_prefix="/admin/assistants")


@blueprint.get("")
@requires(Permission.SETTINGS_MANAGE)
def assistants() -> ResponseReturnValue:
    """All of them, by number."""
    return render_template("admin/assistants/assistants.html", assistants=service.listed())


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS_MANAGE)
def new() -> ResponseReturnValue:
    """The form for another one."""
    form = AssistantForm()
    if not form.validate_on_submit():
        return _form_page(form), 400 if form.is_submitted() else 200
    try:
        made = service.create(**form.facts, by=access.actor())
    except InvalidInput as error:
        refusal.show(form, error)
        return _form_page(form), error.status
    flash(_("“%(name)s” is assistant number %(number)s.", name=made.name, number=made.number), "success")
    return redirect(url_for("admin_assistants.assistants"), 303)


@blueprint.route("/<int(max=999_999):assistant_number>", methods=["GET", "POST"])
@requires(Permission.SETTINGS_MANAGE)
def edit(assistant_number: int) -> ResponseReturnValue:
    """One of them, to change it; what somebody else has changed since is not overwritten."""
    assistant = service.get(assistant_number)
    form = AssistantForm(assistant)
    if not form.validate_on_submit():
        return _form_page(form, assistant), 400 if form.is_submitted() else 200
    meant = {"version": int(form.version.data), "may_be_last": form.may_be_last.data}
    try:
        service.edit(assistant, **form.facts, **meant, by=access.actor())
    except LastAssistant as error:
        return _form_page(form, assistant, asks_whether_meant=True), error.status
    except (ChangedByOther, InvalidInput) as error:
        refusal.show(form, error)
        return _form_page(form, assistant), error.status
    flash(_("The change is saved."), "success")
    return redirect(url_for("admin_assistants.assistants"), 303)


def _form_page(form: AssistantForm, assistant: Assistant | None = None, *, asks_whether_meant: bool = False) -> str:
    return render_template(
        "admin/assistants/edit.html", form=form, assistant=assistant, asks_whether_meant=asks_whether_meant
    )
