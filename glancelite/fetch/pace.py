"""How long a remote may take and how much it may send: sockets that know, whatever reads from them."""

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from ..errors import RemoteRefused, RemoteUnavailable

HEAD_BYTES = 64 << 10
"""Most bytes of a status line and headers, and of what frames a body (chunks) on top of what that may need."""
_CHECK_SECONDS = 0.5
"""How long a silence lasts before whoever fetches is asked whether to go on."""


class Pace:
    """Watches one fetch: its total time, each silence, the average rate, and the bytes that one step may take.

    Only time spent waiting for the remote counts against its rate: a slow reader is not its fault. A reader says with
    `allow` how many bytes its next step may take from the wire, so that headers without end and chunks that lie about
    their size run against a bound, whoever parses them.
    """

    def __init__(
        self,
        shown: str,
        total_timeout: float,
        idle_timeout: float,
        minimum_rate: int,
        check: Callable[[], None] | None = None,
    ) -> None:
        self.shown, self._check = shown, check
        self._deadline = time.monotonic() + total_timeout
        self._idle_timeout, self._minimum_rate = idle_timeout, minimum_rate
        self._waited, self._received, self._allowed = 0.0, 0, 0

    def allow(self, size: int) -> None:
        """Let the next step take this many bytes from the wire, and no more than a buffer beyond."""
        self._allowed = size

    def left(self) -> float:
        """Seconds that the remote has for its next bytes; RemoteUnavailable when there are none."""
        left = min(self._deadline - time.monotonic(), self._idle_timeout)
        if self._minimum_rate:
            left = min(left, self._idle_timeout + self._received / self._minimum_rate - self._waited)
        if left <= 0:
            raise self._too_slow()
        return left

    def receive(self, sock: socket.socket, take: Callable[[], int]) -> int:
        """Take bytes from a socket within the time that is left."""
        if self._allowed <= 0:
            raise RemoteRefused(uri=self.shown, reason="its headers are too long, or its chunks are not what they say")
        count = self._wait(sock, take)
        self._received += count
        self._allowed -= count
        return count

    def _wait(self, sock: socket.socket, take: Callable[[], int]) -> int:
        left, started = self.left(), time.monotonic()
        while True:
            if self._check is not None:
                self._check()
            waits = left - (time.monotonic() - started)
            if waits <= 0:
                raise self._too_slow()
            sock.settimeout(waits if self._check is None else min(waits, _CHECK_SECONDS))
            try:
                count = take()
            except TimeoutError:
                continue
            self._waited += time.monotonic() - started
            return count

    def _too_slow(self) -> RemoteUnavailable:
        return RemoteUnavailable(uri=self.shown, reason="it is too slow")


class PacedSocket(socket.socket):
    """A socket whose reads are paced once it has a pace."""

    pace: Pace | None = None

    def recv_into(self, *args: Any) -> int:
        """Receive as any socket, within the pace."""
        receive = super().recv_into
        return self.pace.receive(self, lambda: receive(*args)) if self.pace else receive(*args)


class PacedTlsSocket(PacedSocket, ssl.SSLSocket):
    """The same with TLS inside."""

    suppress_ragged_eofs: bool


def make_tls(ca_file: str = "", insecure: bool = False) -> ssl.SSLContext:
    """TLS that trusts the system's authorities, or those of a file; `insecure` trusts anybody."""
    tls = ssl.create_default_context(cafile=ca_file or None)
    if insecure:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    tls.sslsocket_class = PacedTlsSocket
    return tls


def set_pace(sock: socket.socket, pace: Pace) -> socket.socket:
    """The connected socket, paced from now on."""
    if isinstance(sock, PacedTlsSocket):
        sock.suppress_ragged_eofs = False  # an end without TLS's own goodbye may be somebody's cut
        paced: PacedSocket = sock
    else:
        paced = PacedSocket(sock.family, sock.type, sock.proto, fileno=sock.detach())
    paced.pace = pace
    return paced
