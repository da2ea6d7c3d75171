"""Calls over HTTP: what an answer means, and which calls are made again."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from tokendesk.errors import BY_CODE, BY_STATUS, BadAnswer, RateLimited, TokendeskError, Unavailable

# The call may or may not have reached the server. What else httpx2 raises is a mistake of the caller.
NO_ANSWER = (
    httpx2.TimeoutException,
    httpx2.NetworkError,
    httpx2.RemoteProtocolError,
    httpx2.ProxyError,
    httpx2.DecodingError,
)
FIRST_PAUSE = 0.2
# Whoever is told to wait for longer is not waiting here, but told so.
LONGEST_PAUSE = 20.0
OF_AN_ERROR = {"success", "statusCode", "code", "message", "errors"}

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """A success; `replayed` when the server had answered a call with this key before."""

    body: Mapping[str, Any]
    replayed: bool


class Connection:
    """A pool of connections to one server; threads may share it."""

    def __init__(
        self, base_url: str, api_key: str, *, timeout: float, attempts: int, pause: Callable[[float], object]
    ) -> None:
        if not base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must begin with https:// or http://")
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        # A key that was read from a file ends with a line break.
        headers = {"Authorization": f"Bearer {api_key.strip()}", "User-Agent": "tokendesk-python"}
        self.url = f"{base_url.rstrip('/')}/api"
        self._http = httpx2.Client(base_url=self.url, headers=headers, timeout=timeout)
        self._attempts = attempts
        self._pause = pause

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()

    def call(self, method: str, path: str, read: Callable[[Answer], T], *, key: str | None = None, **sent: Any) -> T:
        """What `read` makes of the answer; while there is none, the same call again, up to so many attempts.

        Raises a `TokendeskError`. `sent` is httpx2's: `json`, `params`.
        """
        if key is not None:
            sent["headers"] = {"Idempotency-Key": key}
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(method, path, read, key, sent)
            except (Unavailable, RateLimited) as error:
                wait = error.retry_after or min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
                if attempt >= self._attempts or wait > LONGEST_PAUSE:
                    raise
            # Callers that failed together shall not come again together.
            self._pause(wait * random.uniform(1, 1.5))  # noqa: S311

    def _once(self, method: str, path: str, read: Callable[[Answer], T], key: str | None, sent: dict[str, Any]) -> T:
        try:
            response = self._http.request(method, path, **sent)
        except NO_ANSWER as error:
            message = f"No answer from {self.url} ({type(error).__name__}: {error}), so the outcome is unknown."
            raise Unavailable(message, key=key) from error
        body = _json(response)
        if not response.is_success or body is None:
            raise _error(response, body, key)
        try:
            return read(Answer(body, "Idempotent-Replay" in response.headers))
        except (KeyError, TypeError, ValueError) as error:
            raise BadAnswer(_unlike_ours(response), status=response.status_code, key=key) from error


def _json(response: httpx2.Response) -> dict[str, Any] | None:
    """The body where it is a JSON object."""
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _error(response: httpx2.Response, body: Mapping[str, Any] | None, key: str | None) -> TokendeskError:
    """The error that the answer stands for."""
    status, wait = response.status_code, _retry_after(response)
    kind = BY_STATUS.get(status, TokendeskError)
    if body is not None and body.keys() >= OF_AN_ERROR:
        kind, code = BY_CODE.get(body["code"], kind), body["code"]
        return kind(body["message"], code=code, status=status, body=body, key=key, retry_after=wait)
    # Something in between refuses: its 404 does not say that there is no such user.
    kind = kind if kind in (Unavailable, RateLimited) else BadAnswer
    return kind(_unlike_ours(response), status=status, key=key, retry_after=wait)


def _unlike_ours(response: httpx2.Response) -> str:
    where = f", to {response.headers['Location']}" if "Location" in response.headers else ""
    return (
        f"{response.request.method} {response.request.url} was answered {response.status_code}{where}, but not as Tokendesk"
        f" answers. Is base_url right, and what stands in between? It begins: {response.text[:200]!r}"
    )


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds; a date, which proxies may send, is as good as nothing said."""
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else None
