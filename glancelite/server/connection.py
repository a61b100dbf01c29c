"""One client's connection: its socket, and the bytes that have arrived on it but are not read yet.

The kernel keeps the time limits (SO_RCVTIMEO, SO_SNDTIMEO): a limit then means "no progress for so long", one call
can move a whole MiB, and nothing has to poll.
"""

import socket
import struct
import time
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus

from ..errors import render
from .settings import ServerSettings

RECEIVE_BYTES = 64 * 1024
HEAD_BYTES = 64 * 1024
"""Room for a request line and headers; the parser's own limits are below it."""


class BodyError(OSError):
    """A request body that cannot be had; the text says why, `status` is the answer where the app has given none."""

    status = 400


class ClientGone(BodyError, ConnectionError):
    """The client closed the connection, or stopped taking the response: there is nobody left to answer."""


class BodyTooSlow(BodyError, TimeoutError):
    """The body comes slower than the server is willing to wait."""

    status = 408


class MalformedBody(BodyError):
    """The body breaks the rules of its framing."""


class Connection:
    """A client's socket with its time limits, and a buffer in front of it."""

    def __init__(self, sock: socket.socket, client: tuple[str, int], server: tuple[str, int], settings: ServerSettings):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(settings.send_timeout))
        # SO_SNDTIMEO starts anew when a corner of the send buffer comes free; this one looks at the client's side only.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(settings.send_timeout * 1000))
        self.sock, self.client, self.server, self.settings = sock, client, server, settings
        self.requests = 0
        self.lingering = False
        self.deadline = time.monotonic() + settings.header_timeout
        self.linger_end = 0.0
        self._buffer, self._at = b"", 0
        self._received, self._waited = 0, 0.0
        self._patience = 0.0

    # The head of a request, collected by the event loop -----------------------------------------------------------

    @property
    def has_bytes(self) -> bool:
        """Whether bytes have arrived that nobody has read."""
        return self._at < len(self._buffer)

    def collect(self, flags: int = socket.MSG_DONTWAIT) -> bool:
        """Take in what has arrived, without waiting; False when the client has closed."""
        try:
            data = self.sock.recv(RECEIVE_BYTES, flags)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        return bool(data)

    def await_head(self, seconds: float) -> bool:
        """Whether a whole head is there, or comes within this time."""
        if self.has_head():
            return True
        self._be_patient(seconds)
        return self.collect(0) and self.has_head()

    def has_head(self) -> bool:
        """Whether a request's head is complete, or already so wrong or long that more of it would not help."""
        end = self._buffer.find(b"\r\n\r\n", self._at)
        if end >= 0:
            return True
        waiting = self._buffer[self._at :]
        return len(waiting) > HEAD_BYTES or waiting.count(b"\n") != waiting.count(b"\r\n")

    def take_head(self) -> bytes:
        """The head that `has_head` has seen, up to its empty line."""
        end = self._buffer.find(b"\r\n\r\n", self._at)
        start, self._at = self._at, len(self._buffer) if end < 0 else end + 4
        return self._buffer[start : self._at]

    # The body of a request, read by the app's thread --------------------------------------------------------------

    def begin_body(self) -> None:
        """Start measuring the pace of a new body."""
        self._received, self._waited = 0, 0.0

    def take_into(self, view: memoryview) -> int:
        """Put the next bytes there, at least one; how many."""
        if not self.has_bytes:
            if len(view) >= RECEIVE_BYTES:
                return self._receive_into(view, socket.MSG_WAITALL)
            self._buffer, self._at = self._receive(), 0
        part = self._buffer[self._at : self._at + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def take_line(self, limit: int) -> bytes:
        """The next line without its CRLF; MalformedBody when it is longer than `limit` or ends in anything else."""
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            waiting = self._buffer[self._at :]
            if len(waiting.removesuffix(b"\r")) > limit:
                raise MalformedBody("A line of the chunked body is too long, or a chunk is longer than its size.")
            self._buffer, self._at = waiting + self._receive(), 0
        line, self._at = self._buffer[self._at : end + 1], end + 1
        if not line.endswith(b"\r\n") or len(line) > limit + 2:
            raise MalformedBody("A line of the chunked body does not end in CRLF, or a chunk misses its size.")
        return line[:-2]

    def _receive(self) -> bytes:
        buffer = bytearray(RECEIVE_BYTES)
        return bytes(memoryview(buffer)[: self._receive_into(memoryview(buffer))])

    def _be_patient(self, seconds: float) -> None:
        """Wait for so long from now on when something is to be received."""
        if seconds != self._patience:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(seconds))
            self._patience = seconds

    def _receive_into(self, view: memoryview, flags: int = 0) -> int:
        self._be_patient(self.settings.body_idle_timeout)
        begin = time.monotonic()
        try:
            count = self.sock.recv_into(view, 0, flags)
        except BlockingIOError as error:
            limit = self.settings.body_idle_timeout
            raise BodyTooSlow(f"No data of the request body arrived for {limit:g} seconds.") from error
        except OSError as error:
            raise ClientGone("The connection broke before the request body was complete.") from error
        if not count:
            raise ClientGone("The client closed the connection before the request body was complete.")
        # Only the time spent waiting for the client counts: how long the app takes is not the client's doing.
        self._waited += time.monotonic() - begin
        self._received += count
        rate = self.settings.body_minimum_rate
        if self._waited > self.settings.body_idle_timeout and self._received < rate * self._waited:
            raise BodyTooSlow(f"The request body arrives at less than {rate} bytes per second.")
        return count

    def send_continue(self) -> None:
        """Tell a client that waits for it that its body is wanted."""
        try:
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        except OSError as error:
            raise ClientGone("The connection broke before the request body was sent.") from error

    # Ends ---------------------------------------------------------------------------------------------------------

    def refuse(self, status: int, message: str, accept: str = "", flags: int = 0) -> None:
        """Answer with an error of the server's own."""
        content_type, body = render(status, message, accept)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nDate: {formatdate(usegmt=True)}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        # Whoever does not take a refusal is about to be disconnected all the same.
        with suppress(OSError):
            self.sock.sendall(head.encode("latin-1") + body, flags)

    def cut_off(self) -> None:
        """End the connection under whoever is reading or writing it."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def begin_linger(self, seconds: float) -> None:
        """Stop sending but keep reading: a close now would discard the answer while the client is still sending."""
        self.lingering, self.linger_end = True, time.monotonic() + seconds
        self._buffer = b""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def discard(self) -> bool:
        """Throw away what a lingering client still sends; False when it has closed."""
        try:
            return bool(self.sock.recv(RECEIVE_BYTES * 16, socket.MSG_DONTWAIT | socket.MSG_TRUNC))
        except BlockingIOError:
            return True
        except OSError:
            return False


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
