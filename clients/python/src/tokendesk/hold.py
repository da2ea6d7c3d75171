"""A hold: tokens that are kept for a call until it is known what the call has cost."""

from datetime import datetime
from types import TracebackType
from typing import Self

from tokendesk.answers import Settlement
from tokendesk.connection import Answer, Connection
from tokendesk.errors import TokendeskError


class Hold:
    """Tokens kept from being spent otherwise. `Client.hold` makes it; leaving the block without `settle` releases it."""

    def __init__(self, connection: Connection, answer: Answer) -> None:
        self.id: str = answer.body["hold_id"]
        self.remaining_tokens: int = answer.body["remaining_tokens"]
        self.expires_at = datetime.fromisoformat(answer.body["expires_at"])
        self._connection = connection
        self._closing = False

    def __repr__(self) -> str:
        return f"<Hold {self.id} until {self.expires_at.isoformat()}>"

    def settle(self, tokens: int, description: str = "") -> Settlement:
        """Charges what was used and frees the rest. It may be repeated, also when the hold has ended meanwhile."""
        # What was used shall be charged: after an error the caller can settle again, so the block must not release.
        self._closing = True
        body = {"tokens": tokens, **({"description": description} if description else {})}
        return self._connection.call("POST", f"/holds/{self.id}/settle", Settlement.of, json=body)

    def release(self) -> int:
        """Frees all of it, charges nothing, and gives what the user has then."""
        self._closing = True
        try:
            return self._connection.call(
                "DELETE", f"/holds/{self.id}", lambda answer: int(answer.body["remaining_tokens"])
            )
        except TokendeskError as error:
            error.add_note(f"The hold was not released; it ends by itself at {self.expires_at.isoformat()}.")
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._closing:
            return
        try:
            self.release()
        except TokendeskError as failure:
            if error is None:
                raise
            error.add_note("\n".join([f"Besides: {failure}", *failure.__notes__]))
