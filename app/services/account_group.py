"""Group commit: operations of one process that wait for the same account share one write.

The first caller leads: it takes everybody who waits, writes for all, and hands the lead to the first who came meanwhile. Under
contention that is faster than taking turns at the database, and a slow operation does not starve among fast ones.
"""

from collections.abc import Callable, Sequence
from threading import Lock

from bson import ObjectId

from app.models.account import Operation
from app.models.domain_error import Unavailable
from app.services.account_commit import Outcome, Result

MOST_AT_ONCE = 100

Write = Callable[[ObjectId, Sequence[Operation]], list[Result]]


class _Ticket:
    """A caller's place in an account's queue; `called` is released when it has a result, or leads."""

    __slots__ = ("called", "operation", "result")

    def __init__(self, operation: Operation):
        self.operation = operation
        # A lock that is held from the start: an event would be two more objects, and half as fast.
        self.called = Lock()
        self.called.acquire()
        self.result: Outcome | BaseException | None = None


_queues: dict[ObjectId, list[_Ticket]] = {}
_lock = Lock()


def submit(account_id: ObjectId, operation: Operation, write: Write) -> Outcome:
    """Does `operation` together with whoever waits for the account; raises what `write` answered or raised for it."""
    ticket = _Ticket(operation)
    with _lock:
        queue = _queues.setdefault(account_id, [])
        queue.append(ticket)
        leads = len(queue) == 1
    if not leads:
        ticket.called.acquire()
    if ticket.result is None:
        _lead(account_id, queue, write)
    if isinstance(ticket.result, BaseException):
        raise ticket.result
    assert ticket.result is not None  # noqa: S101 - `_lead` answers everybody it takes, the leader first.
    return ticket.result


def _lead(account_id: ObjectId, queue: list[_Ticket], write: Write) -> None:
    with _lock:
        taken = queue[:MOST_AT_ONCE]
    answers: Sequence[Outcome | BaseException]
    try:
        answers = write(account_id, [ticket.operation for ticket in taken])
    except BaseException as error:
        # Nobody may wait for ever, whatever ends the leader; what ends only its thread is an unknown outcome for the rest.
        others = error if isinstance(error, Exception) else Unavailable()
        answers = [error] + [others] * (len(taken) - 1)
    for ticket, answer in zip(taken, answers, strict=True):
        ticket.result = answer
    with _lock:
        del queue[: len(taken)]
        next_leader = queue[:1]
        if not queue:
            del _queues[account_id]
    # The next leader first: its write is under way while the others return.
    for ticket in [*next_leader, *taken[1:]]:
        ticket.called.release()
