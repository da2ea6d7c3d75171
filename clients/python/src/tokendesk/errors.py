"""What can go wrong, by name: every error of this package is a `TokendeskError`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


class TokendeskError(Exception):
    """A call that failed.

    `code` is the server's and never changes ("" where it gave none), `status` the HTTP status (None without an answer),
    `errors` the sentences by field, `body` the whole answer, `key` the idempotency key that the call was made with.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.body = body or {}
        self.errors: Mapping[str, list[str]] = self.body.get("errors") or {}
        self.key = key
        # In seconds, where the server said so.
        self.retry_after = retry_after

    def __str__(self) -> str:
        return " ".join([self.message, *(f"{field}: {' '.join(said)}" for field, said in self.errors.items())])


class InvalidInput(TokendeskError):
    """A field holds what it must not; `errors` says which, and why."""


class Unauthorized(TokendeskError):
    """The API key is unknown, expired or revoked."""


class Forbidden(TokendeskError):
    """The key lacks the scope, or the user is deactivated (`code` is `user_inactive`)."""


class NotFound(TokendeskError):
    """There is no such user or hold."""


class Conflict(TokendeskError):
    """What is asked does not go with what is there; `code` says how."""


class KeyReused(Conflict):
    """The idempotency key was used before, with other content."""


class HoldClosed(Conflict):
    """The hold was settled or released before, otherwise than asked now."""


class AlreadyPending(Conflict):
    """The user has an open request; after a repeat it may be the very one that was asked for."""


class InsufficientTokens(TokendeskError):
    """The user has fewer tokens than needed; nothing was charged. The attributes say what the user can do about it."""

    @property
    def remaining_tokens(self) -> int:
        """What is available."""
        return int(self.body["remaining_tokens"])

    @property
    def needed(self) -> int:
        """What was asked for."""
        return int(self.body["needed"])

    @property
    def resets_at(self) -> datetime | None:
        """When the allowance renews; None for a user who has none."""
        at = self.body["resets_at"]
        return datetime.fromisoformat(at) if at else None

    @property
    def can_request(self) -> bool:
        """Whether the user may ask for more now; if not, `reason_code` says why."""
        return bool(self.body["can_request"])

    @property
    def reason_code(self) -> str | None:
        """Why the user may not ask: `pending`, `daily_limit`, `no_allowance` or `inactive`."""
        code: str | None = self.body["reason_code"]
        return code

    @property
    def request_url(self) -> str:
        """The page where a signed-in user asks for more."""
        return str(self.body["request_url"])


class RateLimited(TokendeskError):
    """Asked too often, also after some repeats; `retry_after` says for how many seconds. Nothing was done."""


class Unavailable(TokendeskError):
    """No answer, or only that there is none to be had: the outcome is unknown. With `key`, the same call can be repeated."""


class BadAnswer(TokendeskError):
    """The answer is not Tokendesk's: a proxy's page, or another program at that address."""


BY_CODE: dict[str, type[TokendeskError]] = {
    "already_pending": AlreadyPending,
    "hold_closed": HoldClosed,
    "idempotency_key_reused": KeyReused,
    "insufficient_tokens": InsufficientTokens,
}
BY_STATUS: dict[int, type[TokendeskError]] = {
    400: InvalidInput,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidInput,
    415: InvalidInput,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
