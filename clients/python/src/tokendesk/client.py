"""The client: one method for each thing that a product does with the tokens of its users."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

from tokendesk.answers import SignInLink, Usage
from tokendesk.connection import Answer, Connection
from tokendesk.hold import Hold


class Client:
    """A Tokendesk server, called with an API key; threads may share one. Close it, or use it as `with Client(…) as desk`.

    A `user` is an id, `external:<id>`, or an e-mail address or phone number that is confirmed.

    A call is made up to `attempts` times, as long as there is no answer within `timeout` seconds or the server says 429, 502,
    503 or 504, and pauses in between by calling `pause` with seconds. All attempts carry one idempotency key, so that what
    was done counts once; give `key` to repeat a call yourself. Whatever goes wrong is a `TokendeskError`, but a `ValueError`
    where an argument could never be sent.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = 10,
        attempts: int = 4,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._connection = Connection(base_url, api_key, timeout=timeout, attempts=attempts, pause=pause)

    def usage(
        self,
        user: str,
        tokens: int,
        *,
        description: str = "",
        metadata: Mapping[str, str | int | float | bool] | None = None,
        key: str | None = None,
    ) -> Usage:
        """Charges `tokens`, all or nothing; raises `InsufficientTokens`."""
        body = {"user": user, "tokens": tokens, "description": description, "metadata": metadata}
        return self._connection.call("POST", "/usage", Usage.of, json=_given(body), key=_key(key))

    def hold(self, user: str, tokens: int, *, ttl_seconds: int = 600, key: str | None = None) -> Hold:
        """Keeps `tokens` for a call whose cost is not known yet, for up to an hour; raises `InsufficientTokens`."""
        body = {"user": user, "tokens": tokens, "ttl_seconds": ttl_seconds}
        return self._connection.call("POST", "/holds", self._hold, json=body, key=_key(key))

    def _hold(self, answer: Answer) -> Hold:
        return Hold(self._connection, answer)

    def balance(self, user: str) -> dict[str, Any]:
        """The user's account: `available`, `held`, `balance`, `quota`, `grants` … Not by e-mail: addresses stay out of logs."""
        return self._connection.call("GET", f"/balances/{quote(user, safe=':')}", _body)

    def put_user(self, external_id: str, **fields: str | None) -> dict[str, Any]:
        """Makes the user whom you call `external_id`, or changes what is given: `email`, `name`, `phone`, `locale`, `tier`."""
        return self._connection.call("PUT", f"/users/external:{quote(external_id, safe=':')}", _body, json=fields)

    def sign_in_link(self, user: str, next: str | None = None) -> SignInLink:  # noqa: A002
        """An address that signs the user in once, within 15 minutes, and leads to the page `next`."""
        return self._connection.call("POST", "/sign-in-links", SignInLink.of, json=_given({"user": user, "next": next}))

    def request_tokens(self, user: str, reason: str) -> dict[str, Any]:
        """Asks for more on the user's behalf and gives the request; raises `AlreadyPending` while one is open."""
        return self._connection.call("POST", "/token-requests", _request, json={"user": user, "reason": reason})

    def can_request(self, user: str) -> dict[str, Any]:
        """Whether the user may ask for more: `canRequest`, and if not, `reasonCode` and `nextAllowedAt`."""
        return self._connection.call("GET", "/token-requests/can-request", _body, params={"user": user})

    def close(self) -> None:
        """Ends the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _key(key: str | None) -> str:
    """The caller's key, or a new one: made before the first attempt, so that all attempts share it."""
    if key is None:
        return uuid4().hex
    if not (key and key.isascii() and key.isprintable()):
        raise ValueError("key must be printable ASCII")
    return key


def _body(answer: Answer) -> dict[str, Any]:
    return dict(answer.body)


def _request(answer: Answer) -> dict[str, Any]:
    return dict(answer.body["request"])
