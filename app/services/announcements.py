"""An answer before its first word: announced with its question, held for, and found again under its idempotency key."""

from contextlib import suppress
from typing import Any

from mongoengine import NotUniqueError

from app import clock
from app.models.actor import Actor
from app.models.assistant import Assistant
from app.models.conversation import Conversation, title_from
from app.models.domain_error import Busy, InsufficientTokens, KeyReused, NotFound, TooManyHolds
from app.models.message import Message, Messages, Role, Status
from app.models.message_words import words_of
from app.models.user import User
from app.services import answers, due, prompts, token_accounts

# A hold outlasts every answer: the most that the settings allow for connecting, for answering, and for a silence at its end.
HOLD_SECONDS = 60 + 540 + 300


def find(said: Messages, text: str, conversation_id: str | None, assistant: int | None) -> Message | None:
    """The answer among what is `said` under one key, if any; raises `KeyReused` where the question was another."""
    found = {message.role: message for message in said}
    question, answer = found.get(Role.USER), found.get(Role.ASSISTANT)
    if question and (question.text != text or conversation_id not in (None, str(question.conversation))):
        raise KeyReused
    if answer and assistant not in (None, answer.assistant):
        raise KeyReused
    return answer


def begin_conversation(user: User, assistant: Assistant, text: str, key: str) -> Conversation:
    """The conversation that the message `key` begins, also where an earlier try has begun it."""
    now = clock.now()
    conversation = Conversation(
        user=user.id,
        key=key,
        assistant=assistant.number,
        title=title_from(text),
        words=words_of(title_from(text)),
        created_at=now,
        last_message_at=now,
    )
    with suppress(NotUniqueError):
        return conversation.save(force_insert=True)
    begun = Conversation.objects.of(user.id).filter(key=key).first()
    if begun is None:
        # It is being deleted, and will be gone in a moment.
        raise Busy
    return begun


def announce(conversation: Conversation, plan: prompts.Plan, text: str, key: str, by: Actor) -> Message:
    """Keeps the question and announces its answer; of several calls with one key, only the first can."""
    now = clock.now()
    shared = {"user": conversation.user, "conversation": conversation.id, "key": key}
    try:
        Message(**shared, role=Role.USER.value, text=text, words=words_of(text), created_at=now).save(force_insert=True)
    except NotUniqueError:
        # An earlier try has kept it; if that one asked something else, it was none.
        earlier = find(Message.objects(user=conversation.user, key=key), text, str(conversation.id), None)
        if earlier and earlier.status == Status.FAILED:
            _take_away(earlier)
    answer = Message(
        **shared,
        role=Role.ASSISTANT.value,
        status=Status.STREAMING.value,
        created_at=clock.now(),
        by=by.stamp(),
        assistant=plan.assistant.number,
        price=plan.assistant.price,
        prompt_tokens=plan.prompt_tokens,
        max_tokens=plan.max_tokens,
        lease_until=now + answers.lease(),
    ).save(force_insert=True)
    if not Conversation.objects.of(conversation.user).filter(id=conversation.id).update_one(max__last_message_at=now):
        # It was deleted meanwhile, and who deleted it may have seen nothing of these two.
        Message.objects(user=conversation.user, key=key).delete()
        raise NotFound
    return answer


def hold(answer: Message, tokens: int, by: Actor) -> None:
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
    if not Message.objects(id=answer.id, status=Status.STREAMING).update_one(hold_id=outcome.hold_id):
        # It took so long that the worker has ended the answer, which knew of no hold.
        token_accounts.release(answer.hold_id, by=by)
        raise Busy


def _take_away(answer: Message) -> None:
    """Makes room for another try where the answer has failed: nothing of it was charged, and nothing is held for it.

    While its hold is still to be released it stays, and whoever tries again finds the key in use.
    """
    due.perform(Message, answer.id)
    nothing_due: dict[str, Any] = {"due": {"$in": [[], None]}}
    Message._get_collection().delete_one({"_id": answer.id, "status": str(Status.FAILED), **nothing_due})
