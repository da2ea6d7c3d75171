"""Writes an answer down as it comes, and charges what came of it, whatever happens in between.

An answer is ended by one conditional update, which also carries what is due: to settle or to release its hold. Whoever
makes that update, the writer or the worker after the writer's lease ran out, nobody else can make it again.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from bson import ObjectId

from app import clock
from app.models.actor import Actor
from app.models.domain_error import AssistantUnavailable, HoldClosed
from app.models.due_item import due_item
from app.models.message import Message, Status
from app.services import due, ledger, token_accounts
from app.services.token_count import cost, count

log = logging.getLogger(__name__)

# How long a writer may be silent before the worker takes its answer for abandoned.
LEASE = timedelta(seconds=60)
SAVE_EVERY = timedelta(seconds=1)


def write(message: Message, pieces: Iterable[str]) -> Iterator[str]:
    """Passes the pieces of an answer on and saves its text every second; charges it when they end or fail.

    They may end early: closing the iterator stops the answer, and what was produced is charged.
    """
    text, saved_at, status = "", clock.now(), Status.STOPPED
    try:
        for piece in pieces:
            text += piece
            if clock.now() - saved_at >= SAVE_EVERY:
                if not _save(message, text):
                    return
                saved_at = clock.now()
            yield piece
        status = Status.DONE
    except AssistantUnavailable:
        log.warning("an assistant broke off", exc_info=True)
    finally:
        end(message, text, status)


def end(message: Message, text: str, status: Status) -> bool:
    """Ends an answer, once: what was produced is charged; where nothing was, it has failed and its hold is released.

    False where the answer was saved or ended since `message` was read.
    """
    ended = Message._get_collection().update_one(
        _as_read(message),
        {
            "$set": {
                "text": text,
                "status": str(status if text else Status.FAILED),
                # Without a hold it got no further than being announced, and there is nothing to charge.
                "due": [charge_item(message, text)] if message.hold_id else [],
            },
            "$unset": {"lease_until": ""},
        },
    )
    if not ended.matched_count:
        return False
    due.perform(Message, message.id)
    return True


def charge_item(message: Message, text: str) -> dict[str, Any]:
    """What is due when an answer ends with `text`: its charge, of nothing where nothing was produced."""
    tokens = cost(message.prompt_tokens + count(text), message.price) if text else 0
    return due_item(f"message:{message.id}", "answer.charge", at=clock.now(), message=message.id, tokens=tokens)


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
    return sum(end(message, message.text, Status.STOPPED) for message in lapsed)


def _save(message: Message, text: str) -> bool:
    """Keeps the text so far and moves the lease; False where the answer was ended meanwhile."""
    progress = {"text": text, "lease_until": clock.now() + LEASE}
    saved = Message._get_collection().update_one(_as_read(message), {"$set": progress})
    message.lease_until = progress["lease_until"]
    return saved.matched_count == 1


def _as_read(message: Message) -> dict[str, object]:
    return {"_id": message.id, "status": str(Status.STREAMING), "lease_until": message.lease_until}
