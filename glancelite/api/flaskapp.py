"""Flask as the API uses it: routing, a request, one way to say errors. What nobody here needs is left out.

Sessions, signals and the hooks around a view are half of what Flask does for a small request; looking once more at what
a response may lack is more than our views take to make one.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.datastructures import Headers
from werkzeug.routing import MapAdapter

_NO_SESSION = NullSession()
_STATUS = {status.value: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}


class Answer(Response):
    """A response that goes out as it was made: of bytes, with all its headers.

    `content_type`: None for a response without one. werkzeug's own way looks at each of these for what it may be.
    """

    def __init__(
        self, response: Iterable[bytes], status: int, headers: Mapping[str, str], content_type: str | None = None
    ) -> None:
        own = () if content_type is None else (("Content-Type", content_type),)
        self.headers = Headers([*headers.items(), *own])
        self._status, self._status_code = _STATUS[status], status
        self.response = response
        self._on_close = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self.status, self.headers.to_wsgi_list())
        return self.response  # type: ignore[return-value] # it was made of bytes


class App(Flask):
    """A Flask app without sessions, signals and hooks. Its views and error handlers return responses."""

    class _Sessionless(SessionInterface):
        def open_session(self, app: Flask, request: Request) -> SessionMixin:
            return _NO_SESSION

    session_interface = _Sessionless()

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Routes by the path alone; Flask asks for the host first, and for its name in other alphabets."""
        if request is None:
            return None
        root, method = request.root_path, request.method
        return MapAdapter(self.url_map, "", root, "", "", request.path, method)

    def do_teardown_request(self, *args: Any) -> None: ...

    def do_teardown_appcontext(self, *args: Any) -> None: ...

    def full_dispatch_request(self) -> Response:
        try:
            return self.dispatch_request()  # type: ignore[return-value] # see above
        except Exception as error:
            return self.handle_user_exception(error)  # type: ignore[return-value]
