"""What admins read of what users and assistants said. Each reading is one audit event, written before anything is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.cursor import Cursor

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.conversation import Conversation, Conversations
from app.models.domain_error import NotFound
from app.models.message import Message
from app.models.message_words import words_of
from app.models.object_id import object_id
from app.models.permission import Permission
from app.services import audit, chat, rights

LONGEST_SEARCH = 100
# Of the messages with the rarest of several words, so many are looked through for the others, the newest first.
MOST_LOOKED_THROUGH = 1_000
# What is shown before a message that is opened by itself.
FOLLOWING = 10
ORDER = [("created_at", -1), ("_id", -1)]
INDEX = [("words", 1), *ORDER]
USER_INDEX = [("user", 1), *INDEX]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Search:
    """Messages with all of these words, of one user or of all, said in `[since, until)`."""

    text: str
    user: ObjectId | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def words(self) -> list[str]:
        """What is compared, in one spelling."""
        return words_of(self.text[:LONGEST_SEARCH])

    @property
    def index(self) -> list[tuple[str, int]]:
        """The index that serves it."""
        return USER_INDEX if self.user else INDEX

    def where(self, word: str) -> Row:
        """Messages with one of the words, for the database."""
        days = {"$gte": self.since, "$lt": self.until}
        bounds = {name: moment for name, moment in days.items() if moment}
        owner = {"user": self.user} if self.user else {}
        return owner | {"words": word} | ({"created_at": bounds} if bounds else {})


@dataclass(frozen=True, slots=True)
class Found:
    """Messages, newest first; `further`: older ones than this may fit too, but were not looked through.

    Of one that its user is deleting there is no `text` any more.
    """

    messages: Sequence[Row]
    further: ObjectId | None = None


def conversations(
    *, user: ObjectId | None = None, before: ObjectId | None = None, limit: int = 50, by: Actor
) -> list[Conversation]:
    """Who talked when, the newest first, of one user or of all. What it was about is read by opening one."""
    rights.check_holds([Permission.MESSAGES_READ], by=by)
    return list(listed(user, _conversation(before) if before else None).limit(limit))


def listed(user: ObjectId | None, before: Conversation | None) -> Conversations:
    """The query behind `conversations`."""
    found: Conversations = Conversation.objects.of(user) if user else Conversation.objects(removed_at=None)
    return (found.before(before) if before else found).exclude("title", "words").newest_first()


def opened(
    conversation_id: str, *, before: ObjectId | None = None, limit: int = 50, by: Actor
) -> tuple[Conversation, list[Message]]:
    """A conversation with what was said in it, newest first. Raises `NotFound`, and shows nothing that the trail lacks."""
    rights.check_holds([Permission.MESSAGES_READ], by=by)
    conversation = _conversation(object_id(conversation_id))
    owner = {"user": str(conversation.user)}
    _record(Action.CONVERSATION_READ, {"kind": "conversation", "id": str(conversation.id)}, owner, before, by=by)
    return conversation, chat.messages(conversation, before=before, limit=limit)


def search(asked: Search, *, before: ObjectId | None = None, limit: int = 50, by: Actor) -> Found:
    """The messages that are asked for, the newest first; none where no word is. Each page of them is a reading."""
    rights.check_holds([Permission.MESSAGES_READ], by=by)
    if not asked.words:
        return Found([])
    kind, of = ("user", str(asked.user)) if asked.user else ("messages", "all")
    days = {"since": asked.since, "until": asked.until}
    _record(Action.MESSAGES_SEARCH, {"kind": kind, "id": of}, {"words": asked.words, **days}, before, by=by)
    place = _message(before) if before else None
    words = _rarest_first(asked)
    if len(words) == 1:
        found = list(candidates(asked, words, place).limit(limit))
        further = None
    else:
        looked_through = list(candidates(asked, words, place).limit(MOST_LOOKED_THROUGH))
        fitting = [one["_id"] for one in looked_through if one["fits"]][:limit]
        found = list(Message._get_collection().find({"_id": {"$in": fitting}}, {"words": 0}).sort(ORDER))
        is_end = len(fitting) == limit or len(looked_through) < MOST_LOOKED_THROUGH
        further = None if is_end else looked_through[-1]["_id"]
    _leave_out_deleted(found)
    return Found(found, further)


def candidates(asked: Search, words: list[str], place: Row | None) -> Cursor[Row]:
    """The query behind `search`: the messages with the first of the words, and of each whether it has the others too."""
    where = asked.where(words[0])
    if place:
        # Beside the choice, the bound is what the index can begin at; it is never later than the place.
        where.setdefault("created_at", {})["$lte"] = place["created_at"]
        where["$or"] = [{"created_at": {"$lt": place["created_at"]}}, {"_id": {"$lt": place["_id"]}}]
    fits = {"fits": {"$setIsSubset": [words[1:], "$words"]}}
    shown = {"words": 0} if len(words) == 1 else {"_id": 1, **fits}
    return Message._get_collection().find(where, shown).sort(ORDER).hint(asked.index)


def place_of(message_id: str, *, by: Actor) -> tuple[ObjectId, ObjectId | None]:
    """The conversation of a message, and the `before` with which its page has the message and a few that follow."""
    rights.check_holds([Permission.MESSAGES_READ], by=by)
    message = _message(object_id(message_id))
    at = message["created_at"]
    later = {"$or": [{"created_at": {"$gt": at}}, {"created_at": at, "_id": {"$gt": message["_id"]}}]}
    where = {"conversation": message["conversation"], "created_at": {"$gte": at}, **later}
    order = [("created_at", 1), ("_id", 1)]
    following = list(Message._get_collection().find(where, {"_id": 1}).sort(order).limit(FOLLOWING + 1))
    return message["conversation"], following[-1]["_id"] if len(following) > FOLLOWING else None


def _rarest_first(asked: Search) -> list[str]:
    """The words, that one first which fewest messages hold, as far as counting goes."""
    if len(asked.words) == 1:
        return asked.words
    count = Message._get_collection().count_documents
    most = MOST_LOOKED_THROUGH + 1
    return sorted(asked.words, key=lambda word: count(asked.where(word), hint=asked.index, limit=most))


def _leave_out_deleted(found: Sequence[Row]) -> None:
    """What its user deletes is gone at once, though its removal may take a moment."""
    of = {message["conversation"] for message in found}
    kept = set(Conversation.objects(id__in=list(of), removed_at=None).scalar("id"))
    for message in found:
        if message["conversation"] not in kept:
            del message["text"]


def _conversation(conversation_id: ObjectId | None) -> Conversation:
    found: Conversation | None = (
        Conversation.objects(id=conversation_id, removed_at=None).first() if conversation_id else None
    )
    if found is None:
        raise NotFound
    return found


def _message(message_id: ObjectId | None) -> Row:
    fields = {"conversation": 1, "created_at": 1}
    found: Row | None = Message._get_collection().find_one({"_id": message_id}, fields) if message_id else None
    if found is None:
        raise NotFound
    return found


def _record(action: Action, of: Row, asked: Row, before: ObjectId | None, *, by: Actor) -> None:
    """What was asked for stands in `after`, since nothing was changed."""
    after = {name: value for name, value in {**asked, "before": before}.items() if value is not None}
    audit.record(
        key=f"{action}:{ObjectId()}", action=str(action), actor=by.trail(), object=of, at=clock.now(), after=after
    )
