"""Looking for messages by their words. Each page of what is found is a reading, which the audit trail keeps."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app import access, pagination
from app.access import requires
from app.forms.message_search import MessageSearchForm
from app.models.permission import Permission
from app.services import message_reading, users
from app.services.conversations import excerpt
from app.services.message_reading import Found, Search

blueprint = Blueprint("admin_messages", __name__, url_prefix="/admin/messages")

FILTERS = ("q", "user", "from", "until")


@blueprint.get("")
@requires(Permission.MESSAGES_READ)
def messages() -> ResponseReturnValue:
    """The messages with the words that are sought, newest first; where none are, only the way to seek some."""
    form = MessageSearchForm(request.args)
    if not form.validate():
        return _page(form), 400
    return _page(form, _search(form) if form.q.data else None)


@blueprint.get("/<message_id>")
@requires(Permission.MESSAGES_READ)
def message(message_id: str) -> ResponseReturnValue:
    """The way to one message where it stands in its conversation."""
    conversation_id, before = message_reading.place_of(message_id, by=access.actor())
    anchor = f"message-{message_id}"
    place = url_for("admin_conversations.show", conversation_id=conversation_id, before=before, _anchor=anchor)
    return redirect(place, 303)


def _search(form: MessageSearchForm) -> Found:
    zone = ZoneInfo(current_user.time_zone)
    asked = Search(form.q.data or "", form.user_id, since=form.since(zone), until=form.until(zone))
    before = pagination.before_id()
    return message_reading.search(asked, before=before, limit=pagination.FETCHED, by=access.actor())


def _page(form: MessageSearchForm, found: Found | None = None) -> str:
    chosen: dict[str, Any] = {name: request.args.get(name) or None for name in FILTERS}
    page = pagination.page(found.messages if found else (), key=lambda message: message["_id"], **chosen)
    return render_template(
        "admin/messages/messages.html",
        form=form,
        found=found,
        page=page,
        further=url_for("admin_messages.messages", **chosen, before=found.further) if found and found.further else None,
        talkers=users.by_ids(message["user"] for message in page.rows),
        excerpt=excerpt,
        sought=Search(form.q.data or "").words,
    )
