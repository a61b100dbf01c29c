"""A web server for tests, of what a service is asked to fetch."""

import http.server
import threading
import time


class Web(http.server.ThreadingHTTPServer):
    """A web server on loopback whose pages a test writes. With a `pause` it sends them in tenths."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, bytes] = {}
        self.pause = 0.0
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, path: str, data: bytes) -> str:
        self.pages[path] = data
        return self.url + path


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])  # type: ignore[attr-defined]
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Length", str(len(page or b"")))
        self.end_headers()
        tenth = len(page or b"") // 10 + 1
        for start in range(0, len(page or b""), tenth):
            self.wfile.write(page[start : start + tenth])  # type: ignore[index]
            time.sleep(self.server.pause)  # type: ignore[attr-defined]

    def log_message(self, *about: object) -> None: ...
