"""Talking with an assistant: the conversations of whoever is signed in, and sending a message."""

from dataclasses import replace

from bson import ObjectId
from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app import access, pagination
from app.access import signed_in
from app.errors import sentence
from app.forms.chat import MessageForm, TitleForm
from app.forms.form_key import new_key
from app.models.account import Account
from app.models.assistant import Assistant
from app.models.conversation import Conversation
from app.models.domain_error import (
    AssistantUnavailable,
    Busy,
    DomainError,
    InsufficientTokens,
    InvalidInput,
    KeyReused,
    TooManyHolds,
)
from app.pagination import Page
from app.services import chat as service
from app.services import prompts, quota_requests, token_accounts
from app.services.submissions import Eligibility

blueprint = Blueprint("chat", __name__, url_prefix="/chat")

REFUSALS = (InvalidInput, InsufficientTokens, KeyReused, TooManyHolds, Busy, AssistantUnavailable)


@blueprint.get("")
@signed_in
def chat() -> ResponseReturnValue:
    """The conversations, and the box that begins a new one."""
    return page(MessageForm())


@blueprint.get("/<conversation_id>")
@signed_in
def conversation(conversation_id: str) -> ResponseReturnValue:
    """What was said in one, and the box that goes on with it."""
    return page(MessageForm(), conversation_id)


@blueprint.post("")
@blueprint.post("/<conversation_id>")
@signed_in
def send(conversation_id: str | None = None) -> ResponseReturnValue:
    """Says something and waits for the answer; what was written stays in the box where it is refused."""
    form = MessageForm()
    if not form.validate_on_submit():
        return page(form, conversation_id), 400
    try:
        answer = service.send(current_user, **form.message(), conversation_id=conversation_id, by=access.actor())
    except REFUSALS as error:
        flash(sentence(error), "error")
        renew_key(form, error)
        return page(form, conversation_id), error.status
    anchor = f"message-{answer.id}"
    return redirect(url_for("chat.conversation", conversation_id=answer.conversation, _anchor=anchor), 303)


def renew_key(form: MessageForm, error: DomainError) -> None:
    """Gives the form another key where the message cannot be sent again with the one that it has."""
    if isinstance(error, InvalidInput | KeyReused):
        form.key.data = new_key()


def eligibility(account: Account) -> Eligibility | None:
    """Whether the user may ask for more, where there is nothing left to chat with; else None."""
    return quota_requests.can_submit(current_user) if prompts.is_out_of_tokens(account) else None


def page(form: MessageForm, conversation_id: str | None = None, title_form: TitleForm | None = None) -> str:
    """The page of one conversation, or of a new one."""
    before = pagination.before_id()
    mine = service.conversations(current_user.id, before=None if conversation_id else before, limit=pagination.FETCHED)
    shown = _shown(mine, conversation_id) if conversation_id else None
    answering = list(Assistant.objects.active())
    form.offer(answering)
    account = token_accounts.view(current_user.id)
    return render_template(
        "chat/conversation.html",
        form=form,
        title_form=title_form or (shown and TitleForm.of(shown)),
        assistants={one.number: one for one in answering},
        conversations=mine[: pagination.SIZE],
        has_older_conversations=len(mine) > pagination.SIZE,
        conversation=shown,
        messages=_messages(shown, before),
        account=account,
        eligibility=eligibility(account),
    )


def _shown(mine: list[Conversation], conversation_id: str) -> Conversation:
    # Mostly it is among the newest, which saves a look-up.
    listed = next((one for one in mine if str(one.id) == conversation_id), None)
    return listed or service.own(current_user.id, conversation_id)


def _messages(shown: Conversation | None, before: ObjectId | None) -> Page:
    """The messages of a page; where the address names one as `message`, as a search does, that one is among them."""
    sought = pagination.named_id("message")
    if shown is None:
        return Page([], newest=None, older=None)
    said = service.messages(shown, before=before, limit=pagination.FETCHED)
    if sought is None or any(message.id == sought for message in said[: pagination.SIZE]):
        return pagination.page(said, key=lambda message: message.id)
    said = service.messages(shown, upto=sought, limit=pagination.FETCHED)
    newest = url_for("chat.conversation", conversation_id=shown.id)
    return replace(pagination.page(said, key=lambda message: message.id), newest=newest)
