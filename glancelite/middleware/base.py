"""What every filter is made of: its knobs, its place in front of an app, and how it says no."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, ClassVar, Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Response

from ..config import Option, read_section
from ..errors import GlanceliteError, render

CHALLENGE_KEY = "glancelite.challenge"
"""Where an auth filter leaves the WWW-Authenticate value that belongs on a 401."""

PEER_KEY = "glancelite.peer"
"""The address that the connection really came from, where REMOTE_ADDR was replaced by a forwarded one."""

REQUEST_ID_KEY = "glancelite.request_id"
"""The id of this request."""

NO_REQUEST_ID_KEY = "glancelite.no_request_id"
"""Set for answers that stand outside the API (version document, health, OPTIONS) and carry no request id."""


class Filter:
    """A paste filter: knows the `app` behind it and its knobs, which OPTIONS declares in the same way as config.py."""

    name: ClassVar[str] = ""
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    is_auth: ClassVar[bool] = False

    def __init__(self, app: WSGIApplication, **knobs: Any) -> None:
        self.app = app
        self.knobs = read_section(self.name, knobs, self.OPTIONS)

    @classmethod
    def factory(cls, global_conf: dict[str, str], **local_conf: str) -> Callable[[WSGIApplication], Self]:
        """What PasteDeploy calls with the filter's section of the ini."""
        return lambda app: cls(app, **local_conf)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, start_response)

    def refuse(
        self, environ: WSGIEnvironment, start_response: StartResponse, error: GlanceliteError
    ) -> Iterable[bytes]:
        """Answer the request with this error instead of asking the app."""
        return error_response(environ, error)(environ, start_response)  # type: ignore[no-any-return]


def error_response(environ: WSGIEnvironment, error: GlanceliteError, message: str = "") -> Response:
    """The WebOb response that tells this error in the form the client asked for."""
    content_type, body = render(error.status, message or str(error), environ.get("HTTP_ACCEPT", ""))
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **error.headers}
    if error.status == HTTPStatus.UNAUTHORIZED and CHALLENGE_KEY in environ:
        headers["WWW-Authenticate"] = environ[CHALLENGE_KEY]
    status = f"{error.status} {HTTPStatus(error.status).phrase}"
    return Response(status=status, headerlist=list(headers.items()), app_iter=[body])


def is_file(environ: WSGIEnvironment, body: Iterable[bytes]) -> bool:
    """Whether the server itself sends this body from a file; it must then reach the server as it is.

    Where the server's file wrapper is a function (uwsgi), the body is the open file.
    """
    maker = environ.get("wsgi.file_wrapper")
    if isinstance(maker, type):
        return isinstance(body, maker)
    return maker is not None and (hasattr(body, "fileno") or hasattr(body, "filelike"))


def close(body: Iterable[bytes]) -> None:
    """Close an app's body, where it can be closed."""
    closer = getattr(body, "close", None)
    if closer is not None:
        closer()
