"""What became of the operations of one kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

# What a form is answered that was done.
DONE = 303


class Answered(Protocol):
    """Something that was asked for over HTTP; `status` is None where nobody heard what became of it."""

    status: int | None


@dataclass(slots=True)
class Tally:
    """How many were tried, acknowledged and refused, and a sentence for each that was lost or done twice.

    Of the others nobody heard what became of them: the process that was asked, or the one that asked, was killed.
    """

    name: str
    tried: int = 0
    acknowledged: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


def count_attempts(name: str, attempts: Sequence[Answered]) -> Tally:
    """The tally of such attempts, before anything is looked for."""
    done = sum(one.status == DONE for one in attempts)
    unheard = sum(one.status is None for one in attempts)
    return Tally(name, tried=len(attempts), acknowledged=done, refused=len(attempts) - done - unheard)
