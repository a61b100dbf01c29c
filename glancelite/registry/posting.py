"""POSTs over kept connections: all the HTTP that an API speaks with its registry daemon.

A library that speaks all of HTTP takes longer for such a request than the daemon for its answer. This one sends a
request in one piece and takes answers with a Content-Length, which the daemon's have wherever it runs.
"""

import re
import select
import socket
import ssl
import struct
from collections import deque
from contextlib import suppress
from urllib.parse import urlsplit

_ANSWER = re.compile(rb"HTTP/1\.([01]) (\d{3})[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)
_LONGEST_HEAD = 65536
_RECEIVED = 65536


class NotConnected(OSError):
    """No connection could be made; nothing was asked."""


class Poster:
    """Connections to one server, kept for the next request as long as it keeps them."""

    def __init__(self, url: str, timeout: float, most_kept: int) -> None:
        parts = urlsplit(url)
        self._is_secret = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._is_secret else 80)
        self._head = f"HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        self._timeout, self._most_kept = timeout, most_kept
        self._kept: deque[_Line] = deque()

    def post(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; NotConnected, or another OSError when it is not known what was done."""
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {path} {self._head}Content-Length: {len(body)}\r\n{fields}\r\n"
        line = self._take()
        try:
            line.socket.sendall(head.encode("latin-1") + body)
            status, answer, is_kept = line.read()
        except BaseException:
            line.close()
            raise
        if is_kept and len(self._kept) < self._most_kept:
            self._kept.append(line)
        else:
            line.close()
        return status, answer

    def close(self) -> None:
        """Let go of all connections that nobody uses."""
        with suppress(IndexError):
            while True:
                self._kept.pop().close()

    def _take(self) -> "_Line":
        with suppress(IndexError):
            while True:
                line = self._kept.pop()
                if line.is_quiet():
                    return line
                line.close()
        return _Line(self._connect())

    def _connect(self) -> socket.socket:
        try:
            made = socket.create_connection((self._host, self._port), self._timeout)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._is_secret:
                return ssl.create_default_context().wrap_socket(made, server_hostname=self._host)
        except (OSError, UnicodeError) as error:  # the second for names that no host can have
            raise NotConnected(str(error)) from error
        # The kernel keeps the time limit: nothing then has to be asked before each call whether it would wait.
        made.settimeout(None)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            made.setsockopt(socket.SOL_SOCKET, option, _timeval(self._timeout))
        return made


class _Line:
    """One connection."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made
        self._watch = select.poll()
        self._watch.register(made, select.POLLIN)

    def is_quiet(self) -> bool:
        """Has nothing come since the last answer, not even the end?"""
        return not self._watch.poll(0)

    def read(self) -> tuple[int, bytes, bool]:
        """Status, body, and whether the server keeps the connection."""
        data = b""
        while (end := data.find(b"\r\n\r\n") + 2) < 2:
            data += self._receive()
            if len(data) > _LONGEST_HEAD:
                break
        head, body = data[:end], data[end + 2 :]
        found, length = _ANSWER.match(head), _LENGTH.findall(head)
        if end < 2 or found is None or found[2] < b"200" or len(length) != 1:
            raise OSError("what answers does not speak HTTP as a registry does")
        left = int(length[0]) - len(body)
        if left:
            body += self._receive_all(left)
        return int(found[2]), body, found[1] == b"1" and not _CLOSE.search(head)

    def _receive_all(self, size: int) -> bytes:
        parts = []
        while size > 0:
            parts.append(self._receive())
            size -= len(parts[-1])
        if size < 0:
            raise OSError("the answer is longer than it says")
        return b"".join(parts)

    def _receive(self) -> bytes:
        try:
            data = self.socket.recv(_RECEIVED)
        except BlockingIOError as error:
            raise TimeoutError("no answer in time") from error
        if not data:
            raise ConnectionError("the connection was closed before the answer")
        return data

    def close(self) -> None:
        with suppress(OSError):
            self.socket.close()


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
