"""A real server on loopback that stands before another, and spoils the calls that it is told to."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

# What can become of a call, besides an answer that is given in its place.
REFUSED, LOST, SILENT = "never reaches the server", "is done, and its answer is lost", "waits for an answer"


@dataclass
class Reply:
    """An answer in place of the server's."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """A call as it came in."""

    method: str
    path: str
    key: str | None


class Unsteady(ThreadingHTTPServer):
    """Spoils as many calls as `faults` has, one after the other, and passes on the rest."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.faults: list[str | Reply] = []
        self.calls: list[Call] = []
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Unsteady
    protocol_version = "HTTP/1.1"

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls.append(Call(self.command, self.path, self.headers["Idempotency-Key"]))
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, Reply):
            return self._send(fault.status, fault.headers, fault.body.encode())
        if fault == SILENT:
            self.server.ended.wait()
        if fault in (REFUSED, SILENT):
            return self._hang_up()
        given = httpx2.request(
            self.command, f"{self.server.target}{self.path}", content=body, headers=dict(self.headers), trust_env=False
        )
        if fault == LOST:
            return self._hang_up()
        return self._send(given.status_code, given.headers, given.content)

    do_GET = do_POST = do_PUT = do_DELETE = _take  # noqa: N815

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name in ("Content-Type", "Retry-After", "Idempotent-Replay", "Location"):
            if name in headers:
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


@contextmanager
def standing_before(target: str) -> Iterator[Unsteady]:
    """An `Unsteady` that listens, and that has ended after the block."""
    with Unsteady(target) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()
