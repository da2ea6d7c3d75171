"""`/api/chat`: saying something and hearing the answer, whole or as it comes; and what was said."""

import logging
from collections.abc import Iterator
from typing import Annotated

from bson import ObjectId
from flask import Response, request, url_for
from flask_login import current_user
from pydantic import AfterValidator, BaseModel, Field

from app import access, event_stream
from app.access import owner_or
from app.errors import shape_of
from app.event_stream import event
from app.models.assistant import Assistant
from app.models.domain_error import N_, AssistantUnavailable, Busy, Unavailable
from app.models.message import Message, Status
from app.models.object_id import object_id
from app.models.permission import Permission
from app.routes.api import chat_shapes, phone
from app.routes.api.chat_shapes import Answered, Assistants, Conversations, ConversationWithMessages
from app.routes.api.frame import Body, JsonInt, Query, QueryInt, answer, answers, api_blueprint, fields, text
from app.routes.api.idempotency import DOCUMENTED, REPLAY, given_key, takes_keys
from app.routes.api.subject import TOO_FEW, told_what_to_do
from app.services import chat as service
from app.services import token_accounts
from app.services.chat import LONGEST_MESSAGE, Answering

log = logging.getLogger(__name__)

blueprint = api_blueprint("chat", "Chat")
takes_keys(blueprint)
MOST = 100


def _an_id(value: str) -> str:
    if object_id(value) is None:
        raise ValueError(N_("Must be an id, as a page before gave it."))
    return value


Cursor = Annotated[str, AfterValidator(_an_id), Field(description="As the `Link` of the page before gave it.")]


class NewMessage(Body):
    """What somebody says."""

    msg: str = text(1, LONGEST_MESSAGE, "What to say; trimmed.", examples=["Hello"])
    phone_number: str | None = text(1, phone.LONGEST, phone.WHOSE, default=None, examples=["79991234567"])
    agent_id: Annotated[JsonInt, Field(ge=1, description="Who answers in a new conversation.")] | None = None
    conversation_id: str | None = Field(None, description="Which conversation goes on; a new one where it is absent.")


class Place(Query):
    """Which page of a list."""

    limit: Annotated[QueryInt, Field(ge=1, le=MOST)] = 50
    cursor: Cursor | None = None


class OneConversation(BaseModel):
    """A conversation."""

    conversation_id: Annotated[str, Field(description="As it was answered.")]


@blueprint.post("/chat/message", responses=answers(Answered, 404, 409) | TOO_FEW, openapi_extensions=DOCUMENTED)
@owner_or(Permission.USAGE_WRITE)
def send(body: NewMessage) -> Response:
    """Say something and hear the answer; with `Accept: text/event-stream` as it comes."""
    user = phone.subject(body.phone_number, "phone_number")
    with told_what_to_do(user.id), fields(text="msg"):
        answering = service.begin(
            user,
            text=body.msg,
            key=given_key(),
            by=access.actor(),
            conversation_id=body.conversation_id,
            assistant=body.agent_id,
        )
    if answering.is_stored:
        # Half an answer is none: who repeats a call while its answer is written is told to come again.
        _ended(answering)
    if event_stream.is_wanted():
        response = event_stream.response(_events(answering), answering.pieces.close)
    else:
        response = answer(_whole(answering))
    if answering.is_stored:
        response.headers[REPLAY] = "true"
    return response


@blueprint.get("/chat/conversations", responses=answers(Conversations))
@owner_or()
def conversations(query: Place) -> Response:
    """The caller's conversations, the one in which something was said last first."""
    found = service.conversations(current_user.id, before=_place(query), limit=query.limit + 1)
    response = answer(chat_shapes.conversations(found[: query.limit]))
    return _with_next(response, query, [one.id for one in found])


@blueprint.get("/chat/conversations/<conversation_id>", responses=answers(ConversationWithMessages, 404))
@owner_or()
def conversation(path: OneConversation, query: Place) -> Response:
    """One of the caller's conversations with what was said in it, newest first."""
    shown = service.own(current_user.id, path.conversation_id)
    said = service.messages(shown, before=_place(query), limit=query.limit + 1)
    response = answer(chat_shapes.conversation(shown, said[: query.limit]))
    return _with_next(response, query, [one.id for one in said])


@blueprint.get("/chat/assistants", responses=answers(Assistants))
@owner_or()
def assistants() -> Response:
    """Who can answer in a new conversation."""
    return answer(chat_shapes.assistants(Assistant.objects.active()))


def _whole(answering: Answering) -> Answered:
    for _piece in answering.pieces:
        pass
    ended = _ended(answering)
    return chat_shapes.answered(ended, token_accounts.view(ended.user))


def _events(answering: Answering) -> Iterator[str]:
    try:
        for piece in answering.pieces:
            if piece:
                yield event("delta", {"text": piece})
        ended = _ended(answering)
        shape = chat_shapes.ended(ended, token_accounts.view(ended.user))
        yield event("done", shape.model_dump(mode="json"))
    except Exception as error:
        # The status has been sent; this is the only way left to say it.
        known = error if isinstance(error, AssistantUnavailable | Busy) else Unavailable()
        if known is not error:
            log.exception("an answer broke off")
        yield event("error", shape_of(known))


def _ended(answering: Answering) -> Message:
    """The answer as it ended; raises what an answer without a word is, and what one is that another call still writes."""
    ended = service.finished(answering.answer.id)
    if ended.status == Status.FAILED:
        raise AssistantUnavailable
    if ended.status == Status.STREAMING:
        raise Busy
    return ended


def _place(query: Place) -> ObjectId | None:
    return ObjectId(query.cursor) if query.cursor else None


def _with_next(response: Response, query: Place, ids: list[ObjectId]) -> Response:
    """With the address of the next page, where more was found than is shown."""
    if len(ids) > query.limit:
        place = {**(request.view_args or {}), "limit": query.limit, "cursor": ids[query.limit - 1]}
        response.headers["Link"] = f'<{url_for(str(request.endpoint), _external=True, **place)}>; rel="next"'
    return response
