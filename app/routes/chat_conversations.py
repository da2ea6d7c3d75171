"""What users do with their conversations: search, rename and delete them."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.access import signed_in
from app.forms import refusal
from app.forms.chat import MessageForm, TitleForm
from app.models.domain_error import InvalidInput
from app.routes import chat
from app.services import conversations as service

blueprint = Blueprint("chat_conversations", __name__, url_prefix="/chat")


@blueprint.get("/search")
@signed_in
def search() -> ResponseReturnValue:
    """The conversations in which some words were said."""
    sought = request.args.get("q", "").strip()
    found = service.search(current_user.id, sought)
    return render_template("chat/search.html", sought=sought, found=found)


@blueprint.post("/<conversation_id>/rename")
@signed_in
def rename(conversation_id: str) -> ResponseReturnValue:
    """Gives a conversation another title."""
    form = TitleForm()
    if not form.validate_on_submit():
        return chat.page(MessageForm(formdata=None), conversation_id, form), 400
    try:
        service.rename(current_user.id, conversation_id, title=form.title.data)
    except InvalidInput as error:
        refusal.show(form, error)
        return chat.page(MessageForm(formdata=None), conversation_id, form), error.status
    flash(_("The conversation is renamed."), "success")
    return redirect(url_for("chat.conversation", conversation_id=conversation_id), 303)


@blueprint.post("/<conversation_id>/delete")
@signed_in
def delete(conversation_id: str) -> ResponseReturnValue:
    """Deletes a conversation; what it cost stays in the ledger."""
    service.delete(current_user.id, conversation_id)
    flash(_("The conversation is deleted."), "success")
    return redirect(url_for("chat.chat"), 303)
