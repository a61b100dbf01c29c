"""Keeps request bodies that are held in memory small."""

import io
import re
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from ..config import Option
from ..errors import BodyTooLarge, GlanceliteError, InvalidHeader, LengthRequired
from .base import Filter

DATA_PATH = re.compile(r"/v2/images/[^/]+/(file|stage)")
"""Where image data arrives, with PUT: as a stream of any size, which other limits end."""


class SizeLimit(Filter):
    """Refuses JSON bodies above `max_json_body` bytes with 413, whether their length is declared or not.

    A body without a length is counted while it is read. Image data is not limited here. A Content-Length that is not a
    number is 400, and a body that the server cannot find the end of is 411.

        [filter:size_limit]
        use = egg:glancelite#size_limit
        max_json_body = 1048576
    """

    name = "size_limit"
    OPTIONS = (
        Option("size_limit", "max_json_body", "int", 1 << 20, "Largest body that is not image data.", minimum=1),
    )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            self._limit(environ)
        except GlanceliteError as error:
            return self.refuse(environ, start_response, error)
        return self.app(environ, start_response)

    def _limit(self, environ: WSGIEnvironment) -> None:
        length, limit = environ.get("CONTENT_LENGTH") or "", self.knobs["max_json_body"]
        if length and not (length.isascii() and length.isdigit()):
            raise InvalidHeader(name="Content-Length", reason="a number of bytes is expected.")
        if environ["REQUEST_METHOD"] == "PUT" and DATA_PATH.fullmatch(environ.get("PATH_INFO", "")):
            return
        if length:
            if len(length) > len(str(limit)) or int(length) > limit:
                raise BodyTooLarge(limit=limit)
        elif environ.get("wsgi.input_terminated"):
            environ["wsgi.input"] = _Counted(environ["wsgi.input"], limit)
        elif "HTTP_TRANSFER_ENCODING" in environ:
            raise LengthRequired()


class _Counted(io.RawIOBase):
    """A request body that raises BodyTooLarge where it goes on after `limit` bytes."""

    def __init__(self, body: Any, limit: int) -> None:
        self.body = body
        self.limit = self.left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self.body.read(min(len(buffer), self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise BodyTooLarge(limit=self.limit)
        buffer[: len(data)] = data
        return len(data)
