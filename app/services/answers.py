"""Writes an answer down as it comes, and charges what came of it, whatever happens in between.

An answer is ended by one conditional update, which also carries what is due: to settle or to release its hold. Whoever
makes that update, the writer or the worker after the writer's lease ran out, nobody else can make it again.
"""

import logging
from collections.abc import Generator, Iterable
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo import ReturnDocument

from app import clock, db
from app.models.actor import Actor
from app.models.domain_error import AssistantUnavailable, HoldClosed
from app.models.due_item import due_item
from app.models.message import Failure, Message, Status
from app.models.message_words import words_of
from app.services import due, ledger, token_accounts
from app.services.token_count import cost, count
from app.services.upstream_stream import Usage

log = logging.getLogger(__name__)

SAVE_EVERY = timedelta(seconds=1)
# What a writer needs beside waiting for the model, before the worker takes its answer for abandoned.
MARGIN_SECONDS = 10
# A model that claims to have used more than so many times what was held is not believed.
MOST_TIMES_THE_HOLD = 2


def lease() -> timedelta:
    """How long a writer may be silent before the worker takes its answer for abandoned."""
    config = current_app.config
    return timedelta(seconds=config["CHAT_CONNECT_SECONDS"] + config["CHAT_SILENCE_SECONDS"] + MARGIN_SECONDS)


def write(message: Message, pieces: Iterable[str | Usage]) -> Generator[str]:
    """Passes the text of an answer on as it comes, empty pieces too, and saves it every second; charges it when it ends.

    It may end early: closing the iterator stops the answer, and what was produced is charged. Raises
    `AssistantUnavailable` only where nothing was produced.
    """
    text, saved_at, usage = "", clock.now(), None
    status, failure = Status.STOPPED, None
    try:
        for piece in pieces:
            said = "" if isinstance(piece, Usage) else piece
            usage = piece if isinstance(piece, Usage) else usage
            text += said
            if clock.now() - saved_at >= SAVE_EVERY:
                if not _save(message, text):
                    return
                saved_at = clock.now()
            yield said
        status, failure = (Status.DONE, None) if text else (Status.FAILED, Failure.EMPTY)
    except AssistantUnavailable as error:
        status, failure = _broken(text, error.values.get("failure"))
        if not text:
            raise
    except Exception:
        status, failure = _broken(text)
        raise
    finally:
        # What an answer that did not come to its end has used, the model has not said.
        end(message, text, status, failure=failure, usage=usage if status == Status.DONE else None)


def _broken(text: str, reason: Failure | None = None) -> tuple[Status, Failure]:
    """How an answer ends that broke off after `text`."""
    return (Status.STOPPED, Failure.BROKEN_OFF) if text else (Status.FAILED, reason or Failure.UNAVAILABLE)


def end(
    message: Message, text: str, status: Status, *, failure: Failure | None = None, usage: Usage | None = None
) -> bool:
    """Ends an answer, once: what was produced is charged; where nothing was, its hold is released.

    False where the answer was saved or ended since `message` was read.
    """
    ended = Message._get_collection().update_one(
        _as_read(message),
        {
            "$set": {
                "text": text,
                "words": words_of(text),
                "status": str(status),
                # Without a hold it got no further than being announced, and there is nothing to charge.
                "due": [charge_item(message, text, usage)] if message.hold_id else [],
                **({"failure": str(failure)} if failure else {}),
            },
            "$unset": {"lease_until": "", "stop_asked": ""},
        },
    )
    if not ended.matched_count:
        return False
    due.perform(Message, message.id)
    return True


def charge_item(message: Message, text: str, usage: Usage | None = None) -> dict[str, Any]:
    """What is due when an answer ends with `text`: its charge, of nothing where nothing was produced."""
    tokens = cost(used(message, text, usage), message.price) if text else 0
    return due_item(f"message:{message.id}", "answer.charge", at=clock.now(), message=message.id, tokens=tokens)


def used(message: Message, text: str, usage: Usage | None) -> int:
    """How many tokens prompt and answer were: what the model says where it can be true, else what we count."""
    counted: int = message.prompt_tokens + count(text)
    if usage is None:
        return counted
    most = MOST_TIMES_THE_HOLD * (message.prompt_tokens + message.max_tokens)
    if type(usage.tokens) is int and 0 <= usage.tokens <= most:
        return usage.tokens
    log.warning("answer %s: the model says it used %.100r tokens; charged as %s", message.id, usage.tokens, counted)
    return counted


def charge(message_id: ObjectId, tokens: int) -> None:
    """Settles the hold of an answer, or releases it for no tokens, and notes on the answer what it cost."""
    answer = Message.objects.get(id=message_id)
    reference = {"conversation": answer.conversation}
    try:
        outcome = token_accounts.settle(
            answer.hold_id, tokens, by=Actor(**answer.by), description="Chat answer", reference=reference
        )
        charged = -outcome.amount
    except HoldClosed:
        # Somebody closed this hold by hand; what was charged then is what the answer cost.
        charged = -ledger.by_key(answer.user, f"hold:{answer.hold_id}")["amount"]
    Message.objects(id=message_id).update_one(tokens_charged=charged)


def settle_lapsed(limit: int = 500) -> int:
    """Ends answers whose writer has died, with the text that it had saved; returns how many. The worker's part."""
    lapsed = list(Message.objects.lapsed(clock.now()).limit(limit))
    return sum(_end_lapsed(message) for message in lapsed)


def _end_lapsed(message: Message) -> bool:
    status, failure = _broken(message.text, Failure.BROKEN_OFF)
    try:
        return end(message, message.text, status, failure=failure)
    except Exception as error:
        if db.is_unanswered(error):
            raise
        # The ones behind it have tokens held, too.
        log.exception("answer %s cannot be ended", message.id)
        return False


def _save(message: Message, text: str) -> bool:
    """Keeps the text so far and moves the lease; False where the answer is to stop, or was ended meanwhile."""
    progress = {"text": text, "lease_until": clock.now() + lease()}
    saved = Message._get_collection().find_one_and_update(
        _as_read(message),
        {"$set": progress},
        projection={"stop_asked": 1},
        return_document=ReturnDocument.AFTER,
    )
    message.lease_until = progress["lease_until"]
    return saved is not None and not saved.get("stop_asked")


def _as_read(message: Message) -> dict[str, object]:
    return {"_id": message.id, "status": str(Status.STREAMING), "lease_until": message.lease_until}
