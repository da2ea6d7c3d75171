"""Conversations with an assistant: each answer is held for before it is asked for, and charged by what came of it."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bson import ObjectId
from flask import current_app
from mongoengine import NotUniqueError

from app import clock
from app.models.actor import Actor
from app.models.assistant import Assistant
from app.models.conversation import Conversation, title_from
from app.models.domain_error import N_, Busy, InsufficientTokens, InvalidInput, KeyReused, NotFound, TooManyHolds
from app.models.message import Message, Messages, Role, Status
from app.models.plain_text import plain_text
from app.models.user import User
from app.services import answers, assistants, demo_assistant, prompts, token_accounts

LONGEST_MESSAGE = 8_000
LONGEST_KEY = 200
HOLD_SECONDS = 600

_slots = threading.Lock()
_answering = 0


def send(user: User, *, text: str, key: str, by: Actor, conversation_id: str | None = None) -> Message:
    """Says `text` in a conversation, a new one where none is named, and returns the answer; a repeat of `key` the same.

    The answer is announced before its tokens are held, so that of several calls with one key only one ever holds any.
    A call that dies leaves an announced answer, which the worker ends, and at worst a hold that ends by itself.
    """
    text = plain_text(text, "text", least=1, most=LONGEST_MESSAGE)
    if not (isinstance(key, str) and 1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidInput(errors={"key": [N_("Must be 1 to 200 printable ASCII characters.")]})
    said = Message.objects(user=user.id, key=key)
    if stored := _stored(said.read_concern({"level": "majority"}), text, conversation_id):
        return stored
    conversation = own(user.id, conversation_id) if conversation_id else None
    try:
        with _slot():
            return _answer(user, text, key, conversation, by)
    except (NotUniqueError, InsufficientTokens, Busy) as refusal:
        # Another call with this key may have been quicker, and hold just what this one lacks.
        if stored := _stored(said, text, conversation_id):
            return stored
        if isinstance(refusal, NotUniqueError):
            raise Busy from refusal
        raise


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


def messages(conversation: Conversation, *, before: ObjectId | None = None, limit: int = 50) -> list[Message]:
    """What was said in it, newest first, from what was said before the message `before` on."""
    said = Message.objects.of(conversation.id)
    if before:
        last = said.filter(id=before).first()
        if last is None:
            raise NotFound
        said = said.before(last)
    return list(said.newest_first().limit(limit))


# --- one message and its answer --------------------------------------------------------------------------------------


def _answer(user: User, text: str, key: str, conversation: Conversation | None, by: Actor) -> Message:
    assistant = assistants.answering(conversation.assistant if conversation else None)
    plan = prompts.plan(token_accounts.view(user.id), assistant, text, key=key, conversation=conversation)
    conversation = conversation or _begin(user, assistant, text, key)
    answer = _announce(conversation, plan, text, key, by)
    _hold(answer, plan.most_it_costs, by)
    deque(answers.write(answer, demo_assistant.answer(plan.prompt, plan.max_tokens)), maxlen=0)
    return Message.objects.get(id=answer.id)


def _begin(user: User, assistant: Assistant, text: str, key: str) -> Conversation:
    """The conversation that the message `key` begins, also where an earlier try has begun it."""
    now = clock.now()
    conversation = Conversation(
        user=user.id, key=key, assistant=assistant.number, title=title_from(text), created_at=now, last_message_at=now
    )
    with suppress(NotUniqueError):
        return conversation.save(force_insert=True)
    return Conversation.objects.get(user=user.id, key=key)


def _announce(conversation: Conversation, plan: prompts.Plan, text: str, key: str, by: Actor) -> Message:
    """Keeps the question and announces its answer; of several calls with one key, only the first can."""
    now = clock.now()
    shared = {"user": conversation.user, "conversation": conversation.id, "key": key}
    try:
        Message(**shared, role=Role.USER.value, text=text, created_at=now).save(force_insert=True)
    except NotUniqueError:
        # An earlier try has kept it; if that one asked something else, it was none.
        _stored(Message.objects(user=conversation.user, key=key), text, str(conversation.id))
    answer = Message(
        **shared,
        role=Role.ASSISTANT.value,
        status=Status.STREAMING.value,
        created_at=clock.now(),
        by=by.stamp(),
        assistant=plan.assistant.number,
        price=plan.assistant.price,
        prompt_tokens=plan.prompt_tokens,
        lease_until=now + answers.LEASE,
    ).save(force_insert=True)
    Conversation.objects(id=conversation.id).update_one(max__last_message_at=now)
    return answer


def _hold(answer: Message, tokens: int, by: Actor) -> None:
    """Holds the most that the answer can cost; a refusal takes the announcement back, so the key may work later."""
    try:
        outcome = token_accounts.hold(
            answer.user,
            tokens,
            by=by,
            ttl=HOLD_SECONDS,
            key=f"message:{answer.id}",
            description="Chat answer",
            reference={"conversation": answer.conversation},
        )
    except (InsufficientTokens, TooManyHolds, Busy):
        Message.objects(id=answer.id, status=Status.STREAMING, lease_until=answer.lease_until).delete()
        raise
    answer.hold_id = outcome.hold_id
    Message.objects(id=answer.id, status=Status.STREAMING).update_one(hold_id=outcome.hold_id)


def _stored(said: Messages, text: str, conversation_id: str | None) -> Message | None:
    """The answer among what is `said` under one key, if any; raises `KeyReused` where the question was another."""
    found = {message.role: message for message in said}
    question = found.get(Role.USER)
    if question and (question.text != text or conversation_id not in (None, str(question.conversation))):
        raise KeyReused
    return found.get(Role.ASSISTANT)


@contextmanager
def _slot() -> Iterator[None]:
    """One of the answers that this process writes at once; raises `Busy` where all are being written."""
    global _answering  # noqa: PLW0603 - one count for the process is the point.
    with _slots:
        if _answering >= current_app.config["CHAT_ANSWERS_AT_ONCE"]:
            raise Busy
        _answering += 1
    try:
        yield
    finally:
        with _slots:
            _answering -= 1
