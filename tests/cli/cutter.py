"""A relay on loopback that cuts a download after so many bytes."""

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

_PEEK = 1 << 16


class Cutter:
    """Passes everything on. Of the next answers to requests for image data only so many bytes, one number of `cuts` an
    answer, each taken once; then both sides are cut off."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts: list[int] = []
        self.requests: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            left: list[int | None] = [None]
            back = threading.Thread(target=self._pass_back, args=(server, client, left), daemon=True)
            back.start()
            with suppress(OSError):
                while data := client.recv(_PEEK):
                    if data.startswith(b"GET ") and b"/file" in data.partition(b"\r\n")[0]:
                        self.requests.append(data)
                        left[0] = self.cuts.pop(0) if self.cuts else None
                    server.sendall(data)
            _hang_up(client, server)
            back.join()

    @staticmethod
    def _pass_back(server: socket.socket, client: socket.socket, left: list[int | None]) -> None:
        with suppress(OSError):
            while data := server.recv(_PEEK):
                if left[0] is not None:
                    data = data[: left[0]]
                    left[0] -= len(data)
                client.sendall(data)
                if left[0] == 0:
                    break
        _hang_up(client, server)


def _hang_up(*both: socket.socket) -> None:
    for one in both:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
