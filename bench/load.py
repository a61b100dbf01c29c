"""The client that loads a service: one kept connection over a raw socket, as cheap in CPU as can be.

It takes processor time from the service that it measures, on a small machine at least. So bodies are sent from the
page cache by sendfile, and what is downloaded is thrown away by the kernel.
"""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1 << 20
TIMEOUT = 300
PROJECT = "bench"
PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
RAW = {"disk_format": "raw", "container_format": "bare"}


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its body (empty where that was thrown away) and how many bytes the body had."""

    status: int
    body: bytes
    length: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Refused(Exception):
    """An answer that was not expected: what was measured is not what should have been."""


class _Closed(Exception):
    """The connection ended before an answer began."""


class Client:
    """A caller of an Image API whose auth filter believes headers; by default a member of the project `bench`."""

    def __init__(self, port: int, project: str = PROJECT, roles: str = "member,reader") -> None:
        self.port = port
        self.connections = 0
        self._socket: socket.socket | None = None
        self._buffer = bytearray(MIB)
        self._identity = (
            f"Host: 127.0.0.1:{port}\r\nAccept: */*\r\nX-Identity-Status: Confirmed\r\nX-User-Id: someone\r\n"
            f"X-Project-Id: {project}\r\nX-Roles: {roles}\r\n"
        )

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # Requests ---------------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """The JSON document at this path."""
        return self.request("GET", path).json

    def create(self, **fields: Any) -> Any:
        """A new image's document."""
        return self.request("POST", "/v2/images", json.dumps(RAW | fields).encode()).json

    def patch(self, image_id: str, operations: list[dict[str, str]]) -> Reply:
        return self.request("PATCH", f"/v2/images/{image_id}", json.dumps(operations).encode(), PATCH_TYPE)

    def delete(self, image_id: str) -> Reply:
        return self.request("DELETE", f"/v2/images/{image_id}")

    def request(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> Reply:
        """Any request with a small body; Refused unless it succeeds."""
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))} if body else {}
        head = self._head(method, path, headers)
        return self._exchange(lambda connection: connection.sendall(head + body), is_kept=True)

    def download(self, path: str, first: int | None = None, last: int | None = None) -> int:
        """Bytes that were received of this body, or of this range of it, and thrown away."""
        headers = {} if first is None else {"Range": f"bytes={first}-{last}"}
        head = self._head("GET", path, headers)
        return self._exchange(lambda connection: connection.sendall(head), is_kept=False).length

    def upload(self, image_id: str, file: Path, is_chunked: bool = False, to: str = "file") -> Reply:
        """The data of an image from this file, with its length or in chunks of 1 MiB; to `stage` it, or for good."""
        size = file.stat().st_size
        framing = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(size)}
        headers = {"Content-Type": "application/octet-stream"} | framing
        head = self._head("PUT", f"/v2/images/{image_id}/{to}", headers)
        with file.open("rb") as source:
            send = _send_chunks if is_chunked else _send_whole

            def start(connection: socket.socket) -> None:
                connection.sendall(head, socket.MSG_MORE)
                send(connection, source.fileno(), size)

            return self._exchange(start, is_kept=True)

    # The wire ---------------------------------------------------------------------------------------------------------

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{method} {path} HTTP/1.1\r\n{self._identity}{lines}\r\n".encode()

    def _exchange(self, send: Any, is_kept: bool) -> Reply:
        """Send and receive; once again on a new connection where the server has closed the kept one meanwhile."""
        was_used = self._socket is not None
        try:
            send(self._connect())
            reply = self._receive(is_kept)
        except (_Closed, ConnectionError) as error:
            self.close()
            if not was_used:
                raise Refused(f"{type(error).__name__}: {error}") from error
            send(self._connect())
            reply = self._receive(is_kept)
        if reply.status >= 300:
            raise Refused(f"{reply.status} {reply.body[:500].decode(errors='replace')}")
        return reply

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
        return self._socket

    def _receive(self, is_kept: bool) -> Reply:
        connection = self._connect()
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            more = connection.recv(65536)
            if not more:
                raise _Closed("the server closed the connection")
            received += more
        head, rest = received[:end].lower(), received[end + 4 :]
        status = int(head[9:12])
        length = 0 if status in (204, 304) else _length(head)
        if status >= 300 or (is_kept and length is not None):
            body = rest + self._read(connection, length, len(rest))
            reply = Reply(status, body, len(body))
        else:
            reply = Reply(status, b"", self._discard(connection, length, len(rest)))
        if length is None or b"\r\nconnection: close" in head or head.startswith(b"http/1.0"):
            self.close()
        return reply

    def _read(self, connection: socket.socket, length: int | None, have: int) -> bytes:
        parts = []
        while length is None or have < length:
            part = connection.recv(MIB)
            if not part:
                break
            parts.append(part)
            have += len(part)
        if length is not None and have != length:
            raise Refused(f"the body ended after {have} of {length} bytes")
        return b"".join(parts)

    def _discard(self, connection: socket.socket, length: int | None, have: int) -> int:
        """Take the rest of the body off the socket without copying it; the body's length."""
        while length is None or have < length:
            most = MIB if length is None else min(MIB, length - have)
            count = connection.recv_into(self._buffer, most, socket.MSG_TRUNC)
            if not count:
                break
            have += count
        if length is not None and have != length:
            raise Refused(f"the body ended after {have} of {length} bytes")
        return have


def _length(head: bytes) -> int | None:
    """The body's length; None where it ends with the connection."""
    start = head.find(b"\r\ncontent-length:")
    if start >= 0:
        return int(head[start + 17 :].split(b"\r\n", 1)[0])
    if b"\r\ntransfer-encoding: chunked" in head:
        raise Refused("chunked answers are not understood here")
    return None


def _send_whole(connection: socket.socket, source: int, size: int, offset: int = 0) -> None:
    end = offset + size
    connection.setblocking(True)
    while offset < end:
        offset += os.sendfile(connection.fileno(), source, offset, end - offset)


def _send_chunks(connection: socket.socket, source: int, size: int) -> None:
    for offset in range(0, size, MIB):
        count = min(MIB, size - offset)
        connection.sendall(b"%x\r\n" % count, socket.MSG_MORE)
        _send_whole(connection, source, count, offset)
        connection.setblocking(True)
        connection.sendall(b"\r\n", socket.MSG_MORE if offset + count < size else 0)
    connection.sendall(b"0\r\n\r\n")
