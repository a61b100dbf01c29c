"""The response as it goes out: gunicorn's, and what it leaves open.

A failed write is told apart from the app's own errors, a file is sent by the kernel however slowly the client takes
it, and a response that is shorter than it promised, or answers a body nobody read, ends the connection.
"""

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from gunicorn.http.wsgi import FileWrapper, Response

from .connection import ClientGone

SENDFILE_BYTES = 1 << 30
LONG_BYTES = 4 << 20
"""Of a file, more than a socket takes at once. sendfile sends each few pages on their own, which makes such a one half
as dear again, unless it is held back; what fits into the socket is quicker as it is."""
TOGETHER_BYTES = 64 << 10
"""The longest part of a body that is copied behind its head, so that both go out at once."""


class Reply(Response):  # type: ignore[misc] # gunicorn has no types
    """One response."""

    headers: list[tuple[str, str]]
    headers_sent: bool
    response_length: int | None
    sent: int
    unsent = b""
    """The head, until it goes out together with what follows it."""

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """As PEP 3333 has it; an error response replaces the headers that were set before it."""
        if exc_info and not self.headers_sent:
            self.headers, self.response_length = [], None
        return super().start_response(status, headers, exc_info)

    def send(self, parts: Iterable[bytes]) -> None:
        """Send the whole response."""
        if isinstance(parts, FileWrapper) and self._can_send_file(parts):
            self._send_file(parts.filelike.fileno())
        elif not self._omits_body:
            for part in parts:
                self.write(part)
        self.close()

    @property
    def is_short(self) -> bool:
        """Whether less was sent than its Content-Length promised."""
        return not self._omits_body and self.response_length is not None and self.sent < self.response_length

    def send_headers(self) -> None:
        if self.headers_sent:
            return
        if not self.req.body.done:
            self.force_close()
        self.req.body.announce = False
        lines = (*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers))
        self.unsent = f"{''.join(lines)}\r\n".encode("latin-1")
        self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        if self.unsent and not self.chunked and len(data) <= TOGETHER_BYTES:
            data, self.unsent = self.unsent + data, b""
        self._send_head()
        super()._emit_body(data)

    def _send_head(self, flags: int = 0) -> None:
        head, self.unsent = self.unsent, b""
        if head:
            self.sock.sendall(head, flags)

    def write(self, data: bytes) -> None:
        try:
            super().write(data)
        except OSError as error:
            raise ClientGone(str(error)) from error

    def close(self) -> None:
        try:
            self.send_headers()
            self._send_head()
            super().close()
        except OSError as error:
            raise ClientGone(str(error)) from error

    def _can_send_file(self, wrapped: FileWrapper) -> bool:
        if self.response_length is None or self._omits_body:
            return False
        try:
            wrapped.filelike.fileno()
        except (AttributeError, OSError):
            return False
        return True

    def _send_file(self, descriptor: int) -> None:
        if (self.response_length or 0) <= LONG_BYTES:
            self._send_whole(descriptor)
            return
        self._hold_back(True)
        try:
            self._send_whole(descriptor)
        finally:
            self._hold_back(False)

    def _hold_back(self, is_on: bool) -> None:
        """Let TCP send full segments only; or again what there is."""
        with suppress(OSError):  # other sockets know nothing of it
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, is_on)

    def _send_whole(self, descriptor: int) -> None:
        offset = os.lseek(descriptor, 0, os.SEEK_CUR)
        self.send_headers()
        try:
            self._send_head(socket.MSG_MORE if self.response_length else 0)
        except OSError as error:
            raise ClientGone(str(error)) from error
        while self.response_length and self.sent < self.response_length:
            size = min(self.response_length - self.sent, SENDFILE_BYTES)
            try:
                sent = os.sendfile(self.sock.fileno(), descriptor, offset + self.sent, size)
            except OSError as error:
                raise ClientGone(str(error)) from error
            if not sent:
                return
            self.sent += sent
