"""What users do with their conversations: rename, search and delete them. What was said is charged for all the same."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from bson.regex import Regex
from mongoengine import Document

from app import clock
from app.models.conversation import LONGEST_TITLE, Conversation
from app.models.domain_error import Busy, NotFound
from app.models.due_item import due_item
from app.models.message import Message, Role, Status
from app.models.message_words import words_of
from app.models.plain_text import plain_line
from app.services import chat, due

LONGEST_SEARCH = 100
# A search compares so many of the words that it is given, and looks at so many titles and messages at most.
MOST_WORDS, MOST_CANDIDATES = 8, 1_000
FOUND = 50
# How much of a text is shown before and after the word that was found.
BEFORE, AFTER = 60, 160


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation that a search has found; of its message the text before, at and after the word, where it was in one."""

    conversation: Conversation
    message_id: ObjectId | None = None
    excerpt: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search shows, newest first; `more`: whether it would find others too."""

    hits: list[Hit]
    more: bool


def rename(user_id: ObjectId, conversation_id: ObjectId | str, *, title: str) -> Conversation:
    """Gives one of the user's conversations another title; of two at once the later one stays."""
    mine = chat.own(user_id, conversation_id)
    title = plain_line(title, "title", least=1, most=LONGEST_TITLE)
    changed = (
        Conversation.objects.of(user_id)
        .filter(id=mine.id)
        .modify(set__title=title, set__words=words_of(title), new=True)
    )
    if changed is None:
        raise NotFound
    renamed: Conversation = changed
    return renamed


def delete(user_id: ObjectId, conversation_id: ObjectId | str) -> None:
    """Deletes one of the user's conversations with all that was said in it. The ledger keeps what it cost."""
    mine = chat.own(user_id, conversation_id)
    now = clock.now()
    item = due_item(f"conversation:{mine.id}", "conversation.remove", at=now, conversation=mine.id)
    marked = Conversation._get_collection().update_one(
        {"_id": mine.id, "removed_at": None}, {"$set": {"removed_at": now}, "$push": {"due": item}}
    )
    if not marked.modified_count:
        raise NotFound
    due.perform(Conversation, mine.id)


def remove(conversation_id: ObjectId) -> None:
    """Removes what was said in a conversation that is marked, then itself; `Busy` while an answer is not charged yet."""
    said = Message._get_collection()
    for answer in Message.objects.of(conversation_id).filter(status=Status.STREAMING.value):
        chat.stop(answer.user, answer.id)
    settled = {"conversation": conversation_id, "status": {"$ne": Status.STREAMING.value}, "due.0": {"$exists": False}}
    said.delete_many(settled)
    if said.find_one({"conversation": conversation_id}, {"_id": 1}):
        raise Busy
    Conversation._get_collection().delete_one({"_id": conversation_id})


def own_message(user_id: ObjectId, message_id: str) -> Message:
    """One of the user's questions or answers; raises `NotFound`, also where its conversation is being deleted."""
    mine = Message.objects(user=user_id, id=message_id).first() if ObjectId.is_valid(message_id) else None
    if mine is None:
        raise NotFound
    chat.own(user_id, mine.conversation)
    found: Message = mine
    return found


def question_of(answer: Message) -> Message:
    """What was asked."""
    asked: Message = Message.objects.get(user=answer.user, key=answer.key, role=Role.USER.value)
    return asked


# --- search -----------------------------------------------------------------------------------------------------------


def search(user_id: ObjectId, text: str, *, limit: int = FOUND) -> Found:
    """The user's conversations with a title, or a message, in which there are words that begin like all those of `text`."""
    sought = words_of(text)[:MOST_WORDS] if len(text) <= LONGEST_SEARCH else []
    if not sought:
        return Found([], more=False)
    # By conversation: when it was found, and in which message; None is its title.
    newest: dict[ObjectId, ObjectId | None] = {}
    titles = [one["_id"] for one in _candidates(Conversation, user_id, sought)]
    messages = sorted(_candidates(Message, user_id, sought), key=lambda one: one["_id"], reverse=True)
    for one in messages:
        newest.setdefault(one["conversation"], one["_id"])
    for conversation_id in titles:
        newest.setdefault(conversation_id, None)
    shown = sorted(newest, key=lambda one: newest[one] or one, reverse=True)[: limit + 1]
    found = {one.id: one for one in Conversation.objects.of(user_id).filter(id__in=shown)}
    texts = _texts(newest[one] for one in found)
    hits = [_hit(found[one], newest[one], texts, sought) for one in shown if one in found]
    return Found(hits[:limit], more=len(hits) > limit)


def stages(user_id: ObjectId, sought: list[str]) -> list[dict[str, Any]]:
    """Those of the user's with words that begin like all of `sought`: so many with the longest one are looked at."""
    # The driver would mark Python's own patterns as Unicode, for which the database uses no index.
    longest, *others = [{"words": Regex(f"^{re.escape(word)}")} for word in sorted(sought, key=len, reverse=True)]
    return [
        {"$match": {"user": user_id, **longest}},
        {"$limit": MOST_CANDIDATES},
        *({"$match": other} for other in others),
        {"$project": {"conversation": 1}},
    ]


def _candidates(document: type[Document], user_id: ObjectId, sought: list[str]) -> list[dict[str, Any]]:
    return list(document._get_collection().aggregate(stages(user_id, sought)))


def _texts(message_ids: Iterable[ObjectId | None]) -> dict[ObjectId, str]:
    wanted = [one for one in message_ids if one]
    return {one.id: one.text for one in Message.objects(id__in=wanted).only("text")} if wanted else {}


def _hit(conversation: Conversation, message_id: ObjectId | None, texts: dict[ObjectId, str], sought: list[str]) -> Hit:
    if message_id is None:
        return Hit(conversation)
    return Hit(conversation, message_id, excerpt(texts.get(message_id, ""), sought))


def excerpt(text: str, sought: list[str]) -> tuple[str, str, str]:
    """What stands before, at and after the first word of `text` that begins like one of `sought`."""
    pattern = "|".join(re.escape(word) for word in sought)
    found = re.search(rf"\b({pattern})\w*", text, re.IGNORECASE)
    # What search compares is spelt otherwise than the text now and then.
    start, end = found.span() if found else (0, 0)
    before, after = text[max(0, start - BEFORE) : start], text[end : end + AFTER]
    return (
        f"…{before}" if start > BEFORE else before,
        text[start:end],
        f"{after}…" if len(text) > end + AFTER else after,
    )
