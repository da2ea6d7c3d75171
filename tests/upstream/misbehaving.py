"""A chat server on a real socket that does, call after call, just what a test has written down for it."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

# What it does with a call: bytes are sent, a function gets the connection.
Step = bytes | Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def status(code: int, body: str = "", **headers: object) -> bytes:
    """A whole answer that is no stream."""
    lines = [f"HTTP/1.1 {code} Whatever", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    lines += [f"Content-Length: {len(body.encode())}", "Connection: close"]
    return "\r\n".join([*lines, "", body]).encode()


def data(chunk: Any) -> bytes:
    """One event of a stream."""
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def piece(text: Any, **others: Any) -> bytes:
    """A piece of the answer, with what others send along."""
    delta = {"role": "assistant", "content": text}
    return data({"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}], **others})


def end(usage: Any = None, reason: str | None = "stop") -> bytes:
    """The last chunk, as OpenAI sends it, and another for the usage where there is any."""
    chunk = data({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": None})
    return chunk if usage is None else chunk + data({"choices": [], "usage": usage})


def reset(connection: socket.socket) -> None:
    """Breaks the connection off, as a process does that is killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silence(connection: socket.socket) -> None:
    """Says nothing more until the caller hangs up."""
    with suppress(OSError):
        connection.recv(1)


def is_slow(play: Sequence[Step]) -> bool:
    """Whether the caller has to lose patience before it ends."""
    return any(callable(step) and step is not reset for step in play)


def drip(content: bytes) -> Callable[[socket.socket], None]:
    """`content` a byte at a time, as slowly as it takes for the caller to hang up on it."""

    def send(connection: socket.socket) -> None:
        connection.settimeout(0.02)
        for byte in content:
            connection.send(bytes([byte]))
            with suppress(TimeoutError):
                if connection.recv(1) == b"":
                    return

    return send


@dataclass
class Call:
    """A call as it came in."""

    line: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Misbehaving:
    """Listens at `url`; plays the next of `plays` for each call, the last one again and again."""

    url: str
    plays: list[Sequence[Step]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    # Set when a caller has hung up before everything was said.
    left: threading.Event = field(default_factory=threading.Event)

    def will(self, *plays: Sequence[Step]) -> None:
        """What it does from now on."""
        self.plays = list(plays)

    def take(self, connection: socket.socket) -> None:
        """One call."""
        with connection, suppress(OSError):
            self.calls.append(_read(connection))
            play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
            try:
                for step in play:
                    connection.sendall(step) if isinstance(step, bytes) else step(connection)
            except OSError:
                self.left.set()


def _read(connection: socket.socket) -> Call:
    with connection.makefile("rb") as stream:
        line = stream.readline().decode().strip()
        headers = {}
        while header := stream.readline().decode().strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
    return Call(line, headers, json.loads(body or b"{}"))


@contextmanager
def misbehaving() -> Iterator[Misbehaving]:
    """One that listens, and that has ended after the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Misbehaving(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        running: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                running.append(threading.Thread(target=server.take, args=(connection,)))
                running[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in [accepting, *running]:
                thread.join()
