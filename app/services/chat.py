"""Conversations with an assistant: each answer is held for before it is asked for, and charged by what came of it."""

from collections import deque
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain

from bson import ObjectId
from mongoengine import NotUniqueError

from app.models.actor import Actor
from app.models.conversation import Conversation
from app.models.domain_error import (
    N_,
    AssistantUnavailable,
    Busy,
    InsufficientTokens,
    InvalidInput,
    NotFound,
)
from app.models.message import Message, Status
from app.models.plain_text import plain_text
from app.models.user import User
from app.services import announcements, answer_slots, answers, assistants, prompts, token_accounts, upstream

LONGEST_MESSAGE = 8_000
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Answering:
    """An answer as it was announced, and its text as it comes; `finished` gives it as it ended.

    A stored answer comes as one piece; an empty piece says that the assistant is at it. Closing `pieces` stops the
    answer, and what was produced is charged.
    """

    answer: Message
    pieces: Generator[str]
    is_stored: bool = False


def send(
    user: User,
    *,
    text: str,
    key: str,
    by: Actor,
    conversation_id: str | None = None,
    assistant: int | None = None,
) -> Message:
    """As `begin`, and waits for the end: the answer as it is stored."""
    answering = begin(user, text=text, key=key, by=by, conversation_id=conversation_id, assistant=assistant)
    deque(answering.pieces, maxlen=0)
    return finished(answering.answer.id)


def begin(
    user: User,
    *,
    text: str,
    key: str,
    by: Actor,
    conversation_id: str | None = None,
    assistant: int | None = None,
) -> Answering:
    """As `start`, and waits for the first words, so that whatever keeps an assistant from answering is raised here."""
    answering = start(user, text=text, key=key, by=by, conversation_id=conversation_id, assistant=assistant)
    if answering.is_stored:
        return answering
    if first := next((piece for piece in answering.pieces if piece), ""):
        pieces = _passed_on(first, answering.pieces)
        next(pieces)
        return Answering(answering.answer, pieces)
    ended = finished(answering.answer.id)
    if ended.status == Status.FAILED:
        raise AssistantUnavailable(failure=ended.failure)
    return _as_stored(ended)


def start(
    user: User,
    *,
    text: str,
    key: str,
    by: Actor,
    conversation_id: str | None = None,
    assistant: int | None = None,
) -> Answering:
    """Says `text` in a conversation, a new one (with `assistant`) where none is named; a repeat of `key` is answered the same.

    Returns when the answer is announced and held for; `pieces` raises `AssistantUnavailable` where not a word comes.

    The answer is announced before its tokens are held, so that of several calls with one key only one ever holds any.
    A call that dies leaves an announced answer, which the worker ends, and at worst a hold that ends by itself. An
    answer that failed stays, with its reason, until the key is used again: then it is asked for once more.
    """
    text = plain_text(text, "text", least=1, most=LONGEST_MESSAGE)
    if not (isinstance(key, str) and 1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidInput(errors={"key": [N_("Must be 1 to 200 printable ASCII characters.")]})
    said = Message.objects(user=user.id, key=key)
    stored = announcements.find(said.read_concern({"level": "majority"}), text, conversation_id, assistant)
    if stored and stored.status != Status.FAILED:
        return _as_stored(stored)
    if stored:
        # It is asked for once more where it was asked for, also by a caller who no longer says where that was.
        conversation_id = str(stored.conversation)
    conversation = None if conversation_id is None else own(user.id, conversation_id)
    _check_assistant(assistant, conversation)
    try:
        with ExitStack() as until_the_end:
            until_the_end.enter_context(answer_slots.taken())
            return _answer(user, text, key, by, conversation, assistant, until_the_end)
    except (NotUniqueError, InsufficientTokens, Busy) as refusal:
        # Another call with this key may have been quicker, and hold just what this one lacks.
        stored = announcements.find(said, text, conversation_id, assistant)
        if stored and stored.status != Status.FAILED:
            return _as_stored(stored)
        if isinstance(refusal, NotUniqueError):
            raise Busy from refusal
        raise


def finished(answer_id: ObjectId) -> Message:
    """The answer as it is stored: `done`, `stopped` (with a `failure` where nobody had asked for that) or `failed`."""
    answer = Message.objects(id=answer_id).first()
    if answer is None:
        # Its user has deleted the conversation meanwhile.
        raise NotFound
    found: Message = answer
    return found


def stop(user_id: ObjectId, message_id: ObjectId | str) -> Message:
    """Asks whoever writes this answer to stop, which happens within a second of the next word; gives it as it is now.

    Its writer ends it, since only the writer knows what was produced; the worker does where the writer has died.
    """
    mine = Message.objects(id=message_id, user=user_id) if ObjectId.is_valid(message_id) else Message.objects.none()
    mine.filter(status=Status.STREAMING).update_one(stop_asked=True)
    answer = mine.first()
    if answer is None:
        raise NotFound
    return answer


def conversations(user_id: ObjectId, *, before: ObjectId | None = None, limit: int = 50) -> list[Conversation]:
    """The user's conversations, newest first, from the one after the conversation `before` on."""
    mine = Conversation.objects.of(user_id)
    return list((mine.before(own(user_id, before)) if before else mine).newest_first().limit(limit))


def own(user_id: ObjectId, conversation_id: ObjectId | str) -> Conversation:
    """The user's conversation of this id; `NotFound` where it is nobody's, somebody else's, or no id at all."""
    mine = Conversation.objects.of(user_id)
    conversation = mine.filter(id=conversation_id).first() if ObjectId.is_valid(conversation_id) else None
    if conversation is None:
        raise NotFound
    return conversation


def messages(
    conversation: Conversation, *, before: ObjectId | None = None, upto: ObjectId | None = None, limit: int = 50
) -> list[Message]:
    """What was said in it, newest first, from what was said before the message `before` on, or from the message `upto` on."""
    said = Message.objects.of(conversation.id)
    if place := before or upto:
        last = said.filter(id=place).first()
        if last is None:
            raise NotFound
        said = said.before(last, inclusive=place == upto)
    return list(said.newest_first().limit(limit))


# --- one message and its answer --------------------------------------------------------------------------------------


def _answer(
    user: User,
    text: str,
    key: str,
    by: Actor,
    conversation: Conversation | None,
    number: int | None,
    until_the_end: ExitStack,
) -> Answering:
    """Announces and holds; the pieces ask. They take over what `until_the_end` holds, and give it back when they end."""
    assistant = assistants.answering(conversation.assistant if conversation else number)
    plan = prompts.plan(token_accounts.view(user.id), assistant, text, key=key, conversation=conversation)
    conversation = conversation or announcements.begin_conversation(user, assistant, text, key)
    answer = announcements.announce(conversation, plan, text, key, by)
    announcements.hold(answer, plan.most_it_costs, by)
    said = until_the_end.enter_context(closing(upstream.answer(plan)))
    # A generator that was never begun would not notice that it is closed: this one begins with an empty piece.
    pieces = _written(answers.write(answer, chain([""], said)), until_the_end.pop_all())
    next(pieces)
    return Answering(answer, pieces)


def _written(pieces: Generator[str], until_the_end: ExitStack) -> Generator[str]:
    with until_the_end, closing(pieces):
        yield from pieces


def _passed_on(first: str, pieces: Generator[str]) -> Generator[str]:
    """The first piece again, and those after it; it is begun, too, by whoever has waited for that one."""
    with closing(pieces):
        yield first
        yield first
        yield from pieces


def _as_stored(answer: Message) -> Answering:
    return Answering(answer, (text for text in [answer.text] if text), is_stored=True)


def _check_assistant(number: int | None, conversation: Conversation | None) -> None:
    """Raises `InvalidInput` where the assistant that was asked for is not there, or not the one of the conversation."""
    if number is None:
        return
    if not assistants.is_active(number):
        raise InvalidInput(errors={"agent_id": [N_("There is no such assistant.")]})
    if conversation and conversation.assistant != number:
        raise InvalidInput(errors={"agent_id": [N_("This conversation is with another assistant.")]})
