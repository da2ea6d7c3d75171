"""Answers as they are written, for pages with scripts: sending, following one, stopping one."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access, event_stream
from app.access import signed_in
from app.errors import sentence
from app.event_stream import event
from app.forms.chat import MessageForm, TitleForm
from app.forms.form_key import new_key
from app.models.domain_error import AssistantUnavailable
from app.models.message import Message, Status
from app.routes import balance
from app.routes.chat import REFUSALS, eligibility, renew_key
from app.services import chat as service
from app.services import conversations, token_accounts
from app.services.chat import Answering

blueprint = Blueprint("chat_answers", __name__, url_prefix="/chat")


@blueprint.post("/stream")
@blueprint.post("/<conversation_id>/stream")
@signed_in
def stream(conversation_id: str | None = None) -> ResponseReturnValue:
    """Says something, and sends the answer as it comes; a refusal is JSON, and the page keeps what was written."""
    form = MessageForm()
    if not form.validate_on_submit():
        if conversation_id is not None:
            service.own(current_user.id, conversation_id)
        return {"message": " ".join(map(str, form.text.errors)) or _("Please check what you entered.")}, 400
    try:
        answering = service.start(current_user, **form.message(), conversation_id=conversation_id, by=access.actor())
    except REFUSALS as error:
        renew_key(form, error)
        return {"message": sentence(error), **_standing(), "key": form.key.data}, error.status
    return event_stream.response(_events(answering), answering.pieces.close)


@blueprint.get("/messages/<message_id>")
@signed_in
def answer(message_id: str) -> ResponseReturnValue:
    """How far an answer is: what the page shows of it, and what follows from it."""
    return _state(conversations.own_message(current_user.id, message_id))


@blueprint.post("/messages/<message_id>/stop")
@signed_in
def stop(message_id: str) -> ResponseReturnValue:
    """Stops an answer that is being written, here or elsewhere; what there is of it stays, and is charged."""
    stopped = service.stop(current_user.id, conversations.own_message(current_user.id, message_id).id)
    if request.accept_mimetypes.best == "application/json":
        return _state(stopped)
    anchor = f"message-{stopped.id}"
    return redirect(url_for("chat.conversation", conversation_id=stopped.conversation, _anchor=anchor), 303)


def _events(answering: Answering) -> Iterator[str]:
    yield event("began", _beginning(answering.answer))
    try:
        for piece in answering.pieces:
            # Where nothing is said for long, this shows whether there is still somebody to say it to.
            yield event("delta", {"text": piece}) if piece else event_stream.STILL_HERE
        ended = service.finished(answering.answer.id)
        if ended.status == Status.FAILED:
            raise AssistantUnavailable
    except AssistantUnavailable as error:
        yield event("failed", {"message": sentence(error), **_standing()})
    else:
        yield event("done", _state(ended))


def _beginning(announced: Message) -> dict[str, Any]:
    """What the page shows from now on: the question, the answer, its conversation; and the key for what is sent next."""
    conversation = service.own(current_user.id, announced.conversation)
    question = conversations.question_of(announced)
    return {
        "address": url_for("chat.conversation", conversation_id=conversation.id),
        "title": conversation.title,
        "message": str(announced.id),
        "key": new_key(),
        "html": render_template("chat/fragments/said.html", messages=[question, announced]),
        "tools": render_template(
            "chat/fragments/tools.html", conversation=conversation, title_form=TitleForm.of(conversation)
        ),
    }


def _state(message: Message) -> dict[str, Any]:
    state = {"status": message.status, "html": render_template("chat/fragments/said.html", messages=[message])}
    return state | _standing()


def _standing() -> dict[str, Any]:
    """What the user has now, and what stands in the place of the box, or above it."""
    account = token_accounts.view(current_user.id)
    asked = eligibility(account)
    return {
        "balance": balance.told(account),
        "is_out": asked is not None,
        "notice": render_template("chat/fragments/notice.html", account=account, eligibility=asked),
    }
