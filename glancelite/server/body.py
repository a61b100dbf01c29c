"""A request's body as the app reads it: exactly the bytes that were sent, or an exception, never a silent end.

Knows the two framings of HTTP/1.1 (a length, chunks) in their strict form. Where a body ends too early or breaks the
rules, reading raises a BodyError, and raises it again however often it is tried.
"""

import io
import re
import sys
from typing import TYPE_CHECKING

from .connection import BodyError, Connection, MalformedBody

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1 << 20
SIZE_LINE_LIMIT, TRAILER_LIMIT, TRAILER_LINES = 256, 4096, 16

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
# Fifteen digits cannot overflow anything, and no chunk is longer.
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
)
_TRAILER = re.compile(_TOKEN + rb":[\t\x20-\x7e\x80-\xff]*")


class RequestBody(io.RawIOBase):
    """`wsgi.input`: a body of `length` bytes, or in chunks where `length` is None.

    `announce` is true where the client waits for "100 Continue"; it hears that when the app begins to read.
    """

    def __init__(self, connection: Connection, length: int | None, announce: bool = False) -> None:
        self._connection = connection
        self._chunked = length is None
        self._left = length or 0
        self._first = True
        self._failure: BodyError | None = None
        self.done = length == 0
        self.announce = announce
        connection.begin_body()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """`size` bytes, fewer only at the true end of the body; all that is left where `size` is negative."""
        wanted = sys.maxsize if size is None or size < 0 else size
        parts = []
        while wanted and (part := self._next_part(min(wanted, BLOCK))):
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer, or what of it the body still fills; the bytes go there from the socket."""
        view, filled = memoryview(buffer).cast("B"), 0
        while filled < len(view) and (count := self._next_into(view[filled:])):
            filled += count
        return filled

    def readall(self) -> bytes:
        return self.read()

    def _next_part(self, size: int) -> bytes:
        part = bytearray(min(size, self._left) if self._left else size)
        return bytes(memoryview(part)[: self._next_into(memoryview(part))])

    def _next_into(self, view: memoryview) -> int:
        """Bytes of one chunk, at least one; 0 at the end of the body."""
        if self._failure:
            raise self._failure
        try:
            return self._take_into(view)
        except BodyError as error:
            self._failure = error
            raise

    def _take_into(self, view: memoryview) -> int:
        if not self.done and self.announce:
            self.announce = False
            self._connection.send_continue()
        if not self.done and not self._left:
            self._begin_chunk()
        if self.done:
            return 0
        count = self._connection.take_into(view[: self._left])
        self._left -= count
        self.done = not self._left and not self._chunked
        return count

    def _begin_chunk(self) -> None:
        if not self._first and self._connection.take_line(0):
            raise MalformedBody("A chunk of the request body is longer than its size.")
        self._first = False
        line = self._connection.take_line(SIZE_LINE_LIMIT)
        match = _SIZE_LINE.fullmatch(line)
        if not match:
            raise MalformedBody(f"The request body has an invalid chunk size: {line.decode('latin-1')!r}.")
        self._left = int(match[1], 16)
        if not self._left:
            self._skip_trailers()
            self.done = True

    def _skip_trailers(self) -> None:
        for _ in range(TRAILER_LINES):
            line = self._connection.take_line(TRAILER_LIMIT)
            if not line:
                return
            if not _TRAILER.fullmatch(line):
                raise MalformedBody("The request body has an invalid trailer.")
        raise MalformedBody("The request body has too many trailers.")
