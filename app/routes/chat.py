"""Talking with an assistant: the conversations of whoever is signed in, and sending a message."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app import access, pagination
from app.access import signed_in
from app.errors import sentence
from app.forms.chat import MessageForm
from app.forms.form_key import new_key
from app.models.domain_error import (
    AssistantUnavailable,
    Busy,
    InsufficientTokens,
    InvalidInput,
    KeyReused,
    TooManyHolds,
)
from app.services import chat as service
from app.services import prompts, quota_requests, token_accounts

blueprint = Blueprint("chat", __name__, url_prefix="/chat")

REFUSALS = (InvalidInput, InsufficientTokens, KeyReused, TooManyHolds, Busy, AssistantUnavailable)


@blueprint.get("")
@signed_in
def chat() -> ResponseReturnValue:
    """The conversations, and the box that begins a new one."""
    return _page(MessageForm())


@blueprint.get("/<conversation_id>")
@signed_in
def conversation(conversation_id: str) -> ResponseReturnValue:
    """What was said in one, and the box that goes on with it."""
    return _page(MessageForm(), conversation_id)


@blueprint.post("")
@blueprint.post("/<conversation_id>")
@signed_in
def send(conversation_id: str | None = None) -> ResponseReturnValue:
    """Says something and waits for the answer; what was written stays in the box where it is refused."""
    form = MessageForm()
    if not form.validate_on_submit():
        return _page(form, conversation_id), 400
    message = {"text": form.text.data, "key": form.key.data, "conversation_id": conversation_id}
    try:
        answer = service.send(current_user, **message, by=access.actor())
    except REFUSALS as error:
        flash(sentence(error), "error")
        if isinstance(error, InvalidInput | KeyReused):
            form.key.data = new_key()
        return _page(form, conversation_id), error.status
    anchor = f"message-{answer.id}"
    return redirect(url_for("chat.conversation", conversation_id=answer.conversation, _anchor=anchor), 303)


def _page(form: MessageForm, conversation_id: str | None = None) -> str:
    before = pagination.before_id()
    mine = service.conversations(current_user.id, before=None if conversation_id else before, limit=pagination.FETCHED)
    shown, said = None, []
    if conversation_id:
        # Mostly it is among the newest, which saves a look-up.
        shown = next((one for one in mine if str(one.id) == conversation_id), None)
        shown = shown or service.own(current_user.id, conversation_id)
        said = service.messages(shown, before=before, limit=pagination.FETCHED)
    account = token_accounts.view(current_user.id)
    is_out = prompts.is_out_of_tokens(account)
    return render_template(
        "chat/conversation.html",
        form=form,
        conversations=mine[: pagination.SIZE],
        has_older_conversations=len(mine) > pagination.SIZE,
        conversation=shown,
        messages=pagination.page(said, key=lambda message: message.id),
        account=account,
        eligibility=quota_requests.can_submit(current_user) if is_out else None,
    )
