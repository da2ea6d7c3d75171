"""What an OpenAI-compatible server says while it answers: text and usage out of a stream that may be broken in any way."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

# Between two events, where it is nothing to be said. It wakes whoever reads: comments, which some servers send for minutes
# while a model thinks, are no events and would not.
_STILL_AT_IT = b"data: {}\n\n"
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n")
# What the database, a page or a terminal could not take.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Usage:
    """How many tokens the server says that prompt and answer were; it may be anything, and whoever charges it checks."""

    tokens: Any


class Bounded(httpx2.SyncByteStream):
    """A response's bytes, up to a moment and an amount: one that drips or never ends would keep its reader for ever."""

    def __init__(self, stream: Any, deadline: float, most: int) -> None:
        """Wraps `stream`; `deadline` is of the monotonic clock."""
        self._stream, self._deadline, self._left = stream, deadline, most

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                raise httpx2.ReadError("more came than was asked for")
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the whole answer took too long")
            yield chunk
            if chunk.endswith(_EVENT_ENDS):
                yield _STILL_AT_IT

    def close(self) -> None:
        """Hangs up, or keeps the connection for the next answer where this one was read to its end."""
        self._stream.close()


def pieces(events: httpx2.EventSource, most_bytes: int) -> Iterator[str | Usage]:
    """The text and the usage in a stream; raises where it says that it failed, or ends before the answer does."""
    finished = False
    for event in events:
        if event.data.strip() == "[DONE]":
            return
        chunk = _chunk(event.data)
        if chunk.get("usage") is not None:
            yield Usage(_total(chunk["usage"]))
        choice = _first(chunk.get("choices"))
        finished = finished or bool(choice.get("finish_reason"))
        delta = choice.get("delta")
        piece = delta.get("content") if isinstance(delta, dict) else None
        text = _NO_TEXT.sub("\ufffd", piece) if isinstance(piece, str) else ""
        most_bytes -= len(text.encode())
        if most_bytes < 0:
            raise httpx2.ReadError("the answer is far longer than was asked for")
        yield text
    # Some leave the last line out; one that has named its reason to end has ended all the same.
    if not finished:
        raise httpx2.ReadError("the stream ended before the answer did")


def _chunk(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise httpx2.DecodingError(f"no JSON: {data[:4_000]!r}") from error
    if not isinstance(chunk, dict) or chunk.get("error"):
        raise httpx2.ReadError(f"an error in the stream: {data[:4_000]!r}")
    return chunk


def _first(choices: Any) -> dict[str, Any]:
    """The first choice, of which there is only one, or none in a chunk that brings something else."""
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def _total(usage: Any) -> Any:
    """The total that `usage` names, or else comes to; what is no usage is given as it is."""
    if not isinstance(usage, dict):
        return usage
    if usage.get("total_tokens") is not None:
        return usage["total_tokens"]
    parts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    return sum(parts) if all(type(part) is int for part in parts) else usage
