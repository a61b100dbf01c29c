"""The outermost filter: whatever goes wrong behind it ends as one clear answer, or as a connection that is cut."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from wsgiref.types import StartResponse, WSGIEnvironment

from ..errors import GlanceliteError
from .base import REQUEST_ID_KEY, Filter, close, error_response, is_file

log = logging.getLogger(__name__)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class CatchErrors(Filter):
    """Turns exceptions into answers and holds every body to its promised length. Stands first in every pipeline.

    An exception from behind is logged once with its traceback and answered with a 500 that tells nothing internal but
    the request id. An error of glancelite's own is answered with its own status. Once a part of the body has gone out,
    nothing can be taken back: the exception is logged and passed on, which makes the server cut the connection. The
    same happens to a body that is shorter or longer than its Content-Length, so that a client never takes a damaged
    body for a whole one. Bodies that the server sends from a file by itself pass untouched. There are no knobs.

        [filter:catch_errors]
        use = egg:glancelite#catch_errors
    """

    name = "catch_errors"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange = _Exchange(environ, start_response)
        try:
            body = self.app(environ, exchange.start)
        except Exception as error:
            return exchange.apologise(error)
        return body if is_file(environ, body) else _Watched(exchange, body)


class WrongLength(Exception):
    """An app's body is not as long as its Content-Length says."""


class _Exchange:
    """One request and what has been answered to it so far."""

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self.environ = environ
        self.start_response = start_response
        self.promised: int | None = None
        self.has_body = environ.get("REQUEST_METHOD") != "HEAD"
        self.produced = 0
        self.is_started = False
        self.is_out = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        self.is_started = True
        self.has_body = self.has_body and not status.startswith(("1", "204", "304"))
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        self.promised = int(lengths[0]) if lengths and self.has_body else None
        write = self.start_response(status, headers, exc_info) if exc_info else self.start_response(status, headers)

        def counted(data: bytes) -> None:
            self.produced += len(data)
            self.is_out = True
            write(data)

        return counted

    def apologise(self, error: Exception) -> Iterable[bytes]:
        """Answer with this error in place of whatever the app had begun to say."""
        request_id = self.environ.get(REQUEST_ID_KEY, "")
        if isinstance(error, GlanceliteError):
            known, message = error, str(error)
            if error.status >= 500:
                log.error("%s %s", request_id, message)
        else:
            known, message = GlanceliteError(), f"{GlanceliteError.message} Request id: {request_id or 'none'}."
            self.log(error)
        response = error_response(self.environ, known, message)
        if request_id:
            response.headers["x-openstack-request-id"] = request_id
        again: tuple[ExcInfo, ...] = (sys.exc_info(),) if self.is_started else ()
        return response(  # type: ignore[no-any-return]
            self.environ, lambda status, headers: self.start_response(status, headers, *again)
        )

    def log(self, error: Exception) -> None:
        method, path = self.environ.get("REQUEST_METHOD"), self.environ.get("PATH_INFO")
        log.error("%s %s %r failed", self.environ.get(REQUEST_ID_KEY, "-"), method, path, exc_info=error)


class _Watched:
    """An app's body on its way out."""

    def __init__(self, exchange: _Exchange, body: Iterable[bytes]) -> None:
        self.exchange = exchange
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        exchange = self.exchange
        try:
            for chunk in self._measured():
                exchange.is_out = True
                yield chunk
        except Exception as error:
            if exchange.is_out:
                exchange.log(error)
                raise
            yield from exchange.apologise(error)

    def _measured(self) -> Iterator[bytes]:
        # The chunk that completes the promised length waits until it is sure that nothing follows it: once it is out,
        # the client has a clean answer.
        exchange, last = self.exchange, b""
        for chunk in self.body:
            if not (chunk and exchange.has_body):
                continue
            exchange.produced += len(chunk)
            if exchange.promised is not None and exchange.produced > exchange.promised:
                raise WrongLength(f"{exchange.produced} bytes or more where {exchange.promised} were promised")
            if exchange.produced == exchange.promised:
                last = chunk
            else:
                yield chunk
        if exchange.promised is not None and exchange.produced < exchange.promised:
            raise WrongLength(f"{exchange.produced} bytes where {exchange.promised} were promised")
        if last:
            yield last

    def close(self) -> None:
        try:
            close(self.body)
        except Exception as error:
            self.exchange.log(error)
