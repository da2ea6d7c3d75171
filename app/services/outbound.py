"""The way out to addresses that people have entered: only to public hosts, and not for longer than a call may take.

A name is looked up once for each connection; what was looked up is checked, and exactly that is connected to. So a name that
points somewhere else a moment later leads nowhere else.
"""

import socket
import time
from collections.abc import Iterable
from concurrent.futures import Future
from ipaddress import IPv6Address, ip_address
from threading import Thread
from typing import Any

import httpcore2

# A name may have many addresses; whoever gives more than these few has only these tried.
MOST_ADDRESSES = 4


class NotPublic(Exception):
    """The host is, or has, an address of a private network, of this machine or of nobody."""


class Unknown(Exception):
    """There is no such host, or nobody says in time where it is."""


def addresses(host: str, port: int, *, allow_private: bool, seconds: float) -> list[str]:
    """The addresses of `host`, all of them checked, within so many seconds; raises `NotPublic` or `Unknown`."""
    try:
        found = _look_up(host, port).result(seconds)
    except TimeoutError:
        raise Unknown(f"The look-up of {host} took too long.") from None
    except (OSError, UnicodeError):
        raise Unknown(f"There is no host {host}.") from None
    numeric = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not allow_private and not all(is_public(one) for one in numeric):
        raise NotPublic(f"{host} is an address of a private network.")
    return numeric[:MOST_ADDRESSES]


def _look_up(host: str, port: int) -> Future[Any]:
    """What the system says of `host`, which a name server that keeps silent can delay for longer than anybody may wait.

    A look-up cannot be given a time. So it has a thread of its own, which ends when the system gives up, and which the end of
    the process does not wait for, as it would for the threads of a pool.
    """
    answer: Future[Any] = Future()

    def ask() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answer.set_exception(error)

    Thread(target=ask, name="look-up", daemon=True).start()
    return answer


def is_public(address: str) -> bool:
    """Whether the whole internet can mean the same host by this address."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (ip.sixtofour or ip.is_site_local):
        return False  # The first kind leads to whatever IPv4 address is written in it.
    # What translates IPv4 into IPv6 is reserved.
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


class Outbound(httpcore2.NetworkBackend):
    """Connects to checked addresses, and ends whatever is not done `seconds` after it was made."""

    def __init__(self, *, seconds: float, allow_private: bool) -> None:
        """For one call."""
        self._deadline = time.monotonic() + seconds
        self._allow_private = allow_private
        self._backend = httpcore2.SyncBackend()

    def left(self) -> float:
        """How many seconds are left; raises httpcore's `ReadTimeout` where none is."""
        if (left := self._deadline - time.monotonic()) <= 0:
            raise httpcore2.ReadTimeout("The receiver took too long.")
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """As httpcore's; raises `NotPublic` and `Unknown` besides."""
        failure: Exception | None = None
        for address in addresses(host, port, allow_private=self._allow_private, seconds=self.left()):
            try:
                stream = self._backend.connect_tcp(address, port, self.left(), local_address, socket_options)
                return _Stream(stream, self)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or Unknown(f"There is no host {host}.")


class _Stream(httpcore2.NetworkStream):
    """A connection of which each part may take only what is left of the whole."""

    def __init__(self, stream: httpcore2.NetworkStream, outbound: Outbound) -> None:
        self._stream, self._outbound = stream, outbound

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._outbound.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._outbound.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._outbound.left())
        return _Stream(stream, self._outbound)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
