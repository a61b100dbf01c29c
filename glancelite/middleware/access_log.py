"""One log line for each request."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote_plus
from wsgiref.types import StartResponse, WSGIEnvironment

from ..domain.context import ENVIRON_KEY, Context
from ..errors import GlanceliteError
from .base import REQUEST_ID_KEY, Filter, close, is_file

log = logging.getLogger("glancelite.access")

_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|signature|credential|api_?key|access_?key|_sig$|^(sig|key|auth)$", re.I
)
_USERINFO = re.compile(r"//[^/\s]*@")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.-]*")
_READABLE = "/:;,.@!$&'()*+=~?%[]-_"


class AccessLog(Filter):
    """Writes a line to the logger `glancelite.access` when an answer has gone out.

    The line names the client's address, method and path, status, bytes, milliseconds, request id, user and project:

        192.0.2.7 "GET /v2/images?limit=2" 200 812 3.4ms req-0d7c... user=alice project=demo

    Values of query parameters that look like credentials or signatures, and URLs with a user in them, are shown as
    `***`. `cut` after the status says that the body did not reach its end. A body that the server sends from a file by
    itself is logged when it is handed over, with its promised length. There are no knobs; the logger's level decides.

        [filter:access_log]
        use = egg:glancelite#access_log
    """

    name = "access_log"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not log.isEnabledFor(logging.INFO):
            return self.app(environ, start_response)
        line = _Line(environ)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            line.note(status, headers)
            return start_response(status, headers, *rest)

        try:
            body = self.app(environ, start)
        except Exception as error:
            line.status = str(error.status if isinstance(error, GlanceliteError) else 500)
            line.is_whole = True
            line.write()
            raise
        if is_file(environ, body):
            line.sent, line.is_whole = line.promised or 0, True
            line.write()
            return body
        return _Counted(line, body)


class _Line:
    """What is known of one request so far."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.environ = environ
        self.began = time.perf_counter()
        # Other filters rewrite the path, so it is taken down before they see it.
        self.request = f"{_plain(environ['REQUEST_METHOD'])} {redacted_url(environ)}"
        self.status = "-"
        self.promised: int | None = None
        self.sent = 0
        self.is_whole = False
        self.is_written = False

    def note(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status = status[:3]
        self.is_whole = self.status in ("204", "304")  # a server does not ask for the body of these
        if self.environ["REQUEST_METHOD"] != "HEAD":
            self.promised = next((int(value) for name, value in headers if name.lower() == "content-length"), None)

    def write(self) -> None:
        if self.is_written:
            return
        self.is_written = True
        # A server need not ask for a body that is empty.
        self.is_whole = self.is_whole or self.promised == self.sent or self.status in ("204", "304")
        context: Context = self.environ.get(ENVIRON_KEY) or Context()
        log.info(
            '%s "%s" %s%s %d %.1fms %s user=%s project=%s',
            self.environ.get("REMOTE_ADDR") or "-",
            self.request,
            self.status,
            "" if self.is_whole else " cut",
            self.sent,
            (time.perf_counter() - self.began) * 1000,
            self.environ.get(REQUEST_ID_KEY, "-"),
            context.user_id or "-",
            context.project_id or "-",
        )


class _Counted:
    """An app's body on its way out; the line is written when it is closed."""

    def __init__(self, line: _Line, body: Iterable[bytes]) -> None:
        self.line = line
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self.body:
                self.line.sent += len(chunk)
                yield chunk
            self.line.is_whole = self.line.promised in (None, self.line.sent)
        except Exception:
            if not self.line.sent:
                self.line.status, self.line.is_whole = "500", True
            raise

    def close(self) -> None:
        try:
            close(self.body)
        finally:
            self.line.write()


def redacted_url(environ: WSGIEnvironment) -> str:
    """Path and query of a request as they may be written down: one line, no credentials."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if not _PLAIN_PATH.fullmatch(path):
        path = quote(path, safe="/:@!$&'()*+,;=~", encoding="latin-1", errors="replace")
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{'&'.join(map(_redacted, query.split('&')))}" if query else path


def _redacted(piece: str) -> str:
    name, _, value = piece.partition("=")
    if value and (_SECRET_NAME.search(unquote_plus(name)) or _USERINFO.search(unquote_plus(value))):
        return f"{_plain(name)}=***"
    return _plain(piece)


def _plain(text: str) -> str:
    return quote(text, safe=_READABLE, encoding="latin-1", errors="replace")
