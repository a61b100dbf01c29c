"""A TCP relay between an API and its database that can cut a connection at the moment of a commit."""

import socket
import threading
from contextlib import suppress

_PEEK = 65536


class Relay:
    """Passes everything on, until it is armed.

    Armed with `reply`, it passes on the COMMIT that follows the given bytes and cuts both ways once the server has
    answered it, without passing the answer on; with `request`, it cuts before the COMMIT reaches the server.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._armed: tuple[bytes, str] | None = None
        self.is_cut = threading.Event()
        self._down = False
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, after: bytes, lost: str) -> None:
        self._armed = (after, lost)

    def take_down(self) -> None:
        """Nobody gets through any more."""
        self._down = True
        for one in list(self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def bring_back(self) -> None:
        self._down = False

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.take_down()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client:
            if self._down:
                return
            with socket.create_connection(self._target) as server:
                self._sockets += [client, server]
                line = _Line(client, server)
                back = threading.Thread(target=line.pass_back, daemon=True)
                back.start()
                with suppress(OSError):
                    self._forward(line)
                line.hang_up()
                back.join()

    def _forward(self, line: "_Line") -> None:
        seen = False
        while data := line.client.recv(_PEEK):
            armed = self._armed
            seen = seen or (armed is not None and armed[0] in data)
            if armed is not None and seen and b"COMMIT" in data:
                self._armed = None
                line.is_muted = True
                if armed[1] == "reply":
                    line.server.sendall(data)
                    line.has_answered.wait(10)
                self.is_cut.set()
                return
            line.server.sendall(data)


class _Line:
    """A client and a server, and the way back from one to the other."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.is_muted = False
        self.has_answered = threading.Event()

    def pass_back(self) -> None:
        with suppress(OSError):
            while data := self.server.recv(_PEEK):
                if self.is_muted:
                    self.has_answered.set()
                    return
                self.client.sendall(data)

    def hang_up(self) -> None:
        for one in (self.client, self.server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
