"""A three-line app to stand behind a filter, and a way to ask it."""

import warnings
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # WebOb imports cgi
    import webob


def ask(app: Any, path: str = "/v2/images", method: str = "GET", body: bytes = b"", **environ: Any) -> webob.Response:
    """Send one request; `headers` are its headers, other names go into the environ (`REMOTE_ADDR="..."`)."""
    headers = environ.pop("headers", {})
    request = webob.Request.blank(path, method=method, headers=headers, environ={"REMOTE_ADDR": "192.0.2.7"} | environ)
    if body:
        request.body = body
    response = request.get_response(app)
    assert isinstance(response.body, bytes)  # reads and closes it, as a server would
    return response


class App:
    """Says hello, and remembers what it was asked and whether its body was closed."""

    def __init__(self) -> None:
        self.environ: WSGIEnvironment = {}
        self.calls = 0
        self.headers = [("Content-Type", "text/plain"), ("Content-Length", "5")]
        self.chunks: list[Any] = [b"hel", b"lo"]
        self.closed = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.environ, self.calls = environ, self.calls + 1
        start_response("200 OK", list(self.headers))
        return Body(self, self.chunks)


class Body:
    """Chunks that tell when they are closed; an exception among them is raised in its turn."""

    def __init__(self, app: App, chunks: list[Any]) -> None:
        self.app = app
        self.chunks = iter(chunks)

    def __iter__(self) -> "Body":
        return self

    def __next__(self) -> bytes:
        chunk = next(self.chunks)
        if isinstance(chunk, Exception):
            raise chunk
        return bytes(chunk)

    def close(self) -> None:
        self.app.closed += 1


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture(name="ask")
def ask_fixture() -> Any:
    return ask
