"""The bytes of an answer: whether they are those that were asked for, and all of them."""

import re
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import RangeNotServed, RemoteRefused, RemoteTooLarge, RemoteUnavailable

if TYPE_CHECKING:
    from .wire import Exchange

PIECE = 1 << 20
MOST_SKIPPED = 16 << 20
"""Bytes that are read for nothing to get to an offset, where a remote does not serve ranges."""

_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@dataclass(frozen=True)
class Wish:
    """What is wanted of a remote: so many bytes (None: all) from an offset on, and no more than the cap."""

    offset: int = 0
    length: int | None = None
    cap: int = 0
    is_head: bool = False

    @property
    def is_range(self) -> bool:
        return bool(self.offset) or self.length is not None

    @property
    def header(self) -> str:
        last = "" if self.length is None else str(self.offset + self.length - 1)
        return f"bytes={self.offset}-{last}"


class Fetched:
    """An answer that was accepted. `size` is how many bytes it brings, `total` how many there are, None if unknown."""

    def __init__(self, exchange: "Exchange", wish: Wish, shown: str) -> None:
        self._exchange, self._wish, self._shown = exchange, wish, shown
        self._received = 0
        self.status = exchange.status
        if wish.is_head:
            self.size = self.total = self._content_length()
        elif self.status == 206:
            self.size, self.total = self._check_range()
        else:
            self.total = self._content_length()
            self.size = self._count_from(self.total)
        if self.size is not None and self.size > wish.cap and not wish.is_head:
            raise self._too_large()
        if self.status == 200 and wish.offset and not wish.is_head:
            self._skip(wish.offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection, whatever was left to read."""
        self._exchange.close()

    def read(self, size: int, /) -> bytes:
        """Up to so many of the next bytes, b"" only when all of them have come."""
        wanted = min(size, PIECE)
        if self.size is not None:
            wanted = min(wanted, self.size - self._received)
        if self._wish.length is not None:
            wanted = min(wanted, self._wish.length - self._received)
        if wanted <= 0 or self._wish.is_head:
            return b""
        block = self._exchange.read(wanted)
        self._received += len(block)
        if self._received > self._wish.cap:
            raise self._too_large()
        if not block and self.size is not None:
            raise RemoteUnavailable(uri=self._shown, reason="its answer ended before it was complete")
        return block

    def _content_length(self) -> int | None:
        """The answer's length; RemoteRefused where it could be read in two ways."""
        length, coding = self._exchange.headers.get("Content-Length"), self._exchange.headers.get("Transfer-Encoding")
        if coding is not None and (length is not None or coding.strip().lower() != "chunked"):
            raise self._refuse("the length of its answer is not clear")
        if length is not None and not _LENGTH.fullmatch(length):
            raise self._refuse("the length of its answer is not clear")
        return None if length is None else int(length)

    def _check_range(self) -> tuple[int, int | None]:
        found = _CONTENT_RANGE.fullmatch(self._exchange.headers.get("Content-Range", ""))
        if found is None or not self._wish.is_range:
            raise self._refuse("it answers with a range that was not asked for")
        first, last = int(found[1]), int(found[2])
        total = None if found[3] == "*" else int(found[3])
        ends = [end for end in (total, self._end()) if end is not None]
        length = self._content_length()
        size = last - first + 1
        if first != self._wish.offset or size < 1 or (ends and last + 1 != min(ends)) or length not in (None, size):
            raise self._refuse("it answers with a range that was not asked for")
        return size, total

    def _end(self) -> int | None:
        return None if self._wish.length is None else self._wish.offset + self._wish.length

    def _count_from(self, total: int | None) -> int | None:
        """How many bytes a whole answer brings from the offset on."""
        if total is None:
            return None
        if self._wish.offset and total <= self._wish.offset:
            raise self._refuse("it is shorter than it should be")
        rest = total - self._wish.offset
        return rest if self._wish.length is None else min(rest, self._wish.length)

    def _skip(self, count: int) -> None:
        if count > MOST_SKIPPED:
            raise RangeNotServed(uri=self._shown)
        while count:
            block = self._exchange.read(min(count, PIECE))
            if not block:
                raise self._refuse("it is shorter than it should be")
            count -= len(block)

    def _refuse(self, reason: str) -> RemoteRefused:
        return RemoteRefused(uri=self._shown, reason=reason)

    def _too_large(self) -> RemoteTooLarge:
        return RemoteTooLarge(uri=self._shown, limit=self._wish.cap)
