"""What users and assistants said: who talked when, and one conversation, whose reading the audit trail keeps."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app import access, pagination
from app.access import requires
from app.forms.message_search import OfUserForm
from app.models.conversation import Conversation
from app.models.permission import Permission
from app.services import assistant_changes, ledger, message_reading, users

blueprint = Blueprint("admin_conversations", __name__, url_prefix="/admin/conversations")


@blueprint.get("")
@requires(Permission.MESSAGES_READ)
def conversations() -> ResponseReturnValue:
    """All of them, or one user's, newest first, without a word of what was said."""
    form = OfUserForm(request.args)
    if not form.validate():
        return _list(form, []), 400
    found = message_reading.conversations(
        user=form.user_id, before=pagination.before_id(), limit=pagination.FETCHED, by=access.actor()
    )
    return _list(form, found)


@blueprint.get("/<conversation_id>")
@requires(Permission.MESSAGES_READ)
def show(conversation_id: str) -> ResponseReturnValue:
    """What was said in one. Each page of it is a reading."""
    conversation, said = message_reading.opened(
        conversation_id, before=pagination.before_id(), limit=pagination.FETCHED, by=access.actor()
    )
    page = pagination.page(said, key=lambda message: message.id)
    charged = [f"hold:{message.hold_id}" for message in page.rows if message.tokens_charged]
    may_see_ledger = current_user.has(Permission.USERS_READ)
    return render_template(
        "admin/conversations/show.html",
        conversation=conversation,
        page=page,
        talker=users.by_ids([conversation.user]).get(conversation.user),
        assistants=_names(),
        entries=ledger.numbers_of(conversation.user, charged) if charged and may_see_ledger else {},
    )


def _list(form: OfUserForm, found: list[Conversation]) -> str:
    page = pagination.page(found, key=lambda conversation: conversation.id, user=form.user.data or None)
    return render_template(
        "admin/conversations/conversations.html",
        form=form,
        page=page,
        talkers=users.by_ids(conversation.user for conversation in page.rows),
        assistants=_names(),
    )


def _names() -> dict[int, str]:
    return {assistant.number: assistant.name for assistant in assistant_changes.listed()}
