"""A place on the web for tests: answers byte for byte what a test says, and remembers what it was asked."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Part = bytes | Callable[[threading.Event], None]
"""What an answer is made of: bytes to send, or something to wait for (given the event of the remote's end)."""


def answer(body: bytes = b"", status: str = "200 OK", **headers: object) -> bytes:
    """An answer with its Content-Length; a header that is None is left out."""
    lines = {"Content-Length": len(body)} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    """A redirect with words that no user may ever see."""
    return answer(b"SECRET words of the remote", status, Location=location)


def silence(ended: threading.Event) -> None:
    """Say nothing until the test is over."""
    ended.wait(10)


RESET = b"(here the connection is reset)"


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)


class Remote:
    """Listens on an address of its own; `pages` map a target to its answer, or to what makes one from the request."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._tls = tls
        self._listener = socket.create_server((address, port), family=family, backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.address = address
        self.pages: dict[str, bytes | Iterable[Part] | Callable[[Asked], bytes | Iterable[Part]]] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, target: str = "/", host: str = "") -> str:
        return f"{'https' if self._tls else 'http'}://{host or self.address}:{self.port}{target}"

    def close(self) -> None:
        self._ended.set()
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=[connection])
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._talk(connection)
        except OSError:
            pass  # the one who asked has gone away, as many of these tests want it to
        finally:
            connection.close()

    def _talk(self, connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            block = connection.recv(4096)
            if not block:
                return
            head += block
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        method, target, _ = first.split(" ")
        asked = Asked(method, target, dict(line.split(": ", 1) for line in lines))
        self.asked.append(asked)
        page = self.pages.get(target, answer(b"SECRET: nothing here", "404 Not Found"))
        reply = page(asked) if callable(page) else page
        for part in [reply] if isinstance(reply, bytes) else reply:
            if self._ended.is_set():
                return
            if part is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if callable(part):
                part(self._ended)
            else:
                connection.sendall(part)
