"""The one door for bytes: whatever comes in is counted, capped, hashed and inspected here, on its way into a store.

The store pulls blocks through a Stream; each block goes to every hash on a thread of its own (hashlib lets the
interpreter go above 2 KiB) and to the format inspection. What does not pass raises inside the store's `add`, which then
leaves nothing.
"""

import hashlib
import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ..domain.image import Image
from ..domain.ports import Content, Store
from ..errors import FormatMismatch, ImageTooLarge, QuotaExceeded, SizeMismatch, UnsafeContent
from ..formats import Inspection, Verdict

BLOCK = 1 << 20
"""Bytes asked of the source at a time: enough to make the cost of a step vanish, little enough to keep many of."""
_DEPTH = 4
"""Blocks that may wait for a hash."""

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where bytes come from; `read` returns b"" at their end and raises our errors only."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Limits:
    """What a stream must keep to. Sizes in bytes; None: not known or no limit."""

    cap: int
    declared: int | None = None
    room: int | None = None
    room_of: str = "bytes of image data"
    algorithm: str = "sha512"
    must_match: bool = True


def take_in(image: Image, key: str, source: Source, store: Store, limits: Limits) -> tuple[Content, str]:
    """Bring the stream into the store under this key; what it turned out to be, and its URL there.

    Raises SizeMismatch, ImageTooLarge, QuotaExceeded, UnsafeContent, FormatMismatch, whatever the source and the store
    raise; then nothing is left in the store.
    """
    stream = Stream(image, source, limits)
    try:
        url = store.add(key, stream)
        return stream.content(), url
    finally:
        stream.close()


class Stream:
    """The blocks of a source, watched. Its iteration ends in order only when all that was promised has been kept."""

    def __init__(self, image: Image, source: Source, limits: Limits) -> None:
        self._image, self._source, self._limits = image, source, limits
        self._size = 0
        self._hashes = Hashes(("md5", limits.algorithm))
        self._inspection = Inspection()
        self._verdict: Verdict | None = None

    def __iter__(self) -> Iterator[bytes]:
        while block := self._source.read(BLOCK):
            self._size += len(block)
            self._check_size()
            self._hashes.update(block)
            self._inspection.feed(block)
            yield block
        self._finish()

    def _check_size(self) -> None:
        limits, image_id = self._limits, self._image.id
        if self._size > limits.cap:
            raise ImageTooLarge(image_id=image_id, limit=limits.cap)
        if limits.declared is not None and self._size > limits.declared:
            raise SizeMismatch(image_id=image_id, received=f"more than {limits.declared}", declared=limits.declared)
        if limits.room is not None and self._size > limits.room:
            raise QuotaExceeded(what=limits.room_of, attempted=self._size, maximum=limits.room)

    def _finish(self) -> None:
        declared = self._limits.declared
        if declared is not None and self._size != declared:
            raise SizeMismatch(image_id=self._image.id, received=self._size, declared=declared)
        self._verdict = self._inspection.finish()
        if self._size:
            check_format(self._image, self._verdict, self._limits.must_match)

    def content(self) -> Content:
        """What came through, once iteration has ended."""
        checksum, value = self._hashes.finish()
        virtual_size = self._verdict.virtual_size if self._verdict and self._size else None
        if self._image.disk_format == "raw" and self._size:
            virtual_size = self._size
        return Content(self._size, checksum, self._limits.algorithm, value, virtual_size)

    def close(self) -> None:
        self._hashes.close()


def check_format(image: Image, verdict: Verdict, must_match: bool) -> None:
    """Raise UnsafeContent or FormatMismatch when content of this kind may not become this image.

    Safety is asked of what the content is, whatever it was declared as; the declared format must match where nothing
    else is wrapped around it.
    """
    if verdict.unsafe:
        raise UnsafeContent(image_id=image.id, reason=verdict.unsafe)
    declared = image.disk_format or "raw"
    if image.container_format == "bare" and not verdict.fits(declared):
        error = FormatMismatch(image_id=image.id, declared=declared, detected=verdict.name)
        if must_match:
            raise error
        log.warning("%s", error)


class Hashes:
    """Several hashes of one stream. The second block starts a thread for each; a small stream costs none."""

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        self._hashes = [hashlib.new(name, usedforsecurity=False) for name in algorithms]
        self._first: bytes | None = None
        self._queues: list[queue.Queue[bytes | None]] = []
        self._threads: list[threading.Thread] = []

    def update(self, block: bytes) -> None:
        if self._first is None:
            self._first = block
            return
        if not self._threads:
            self._start(self._first)
        for waiting in self._queues:
            waiting.put(block)

    def _start(self, first: bytes) -> None:
        for one in self._hashes:
            waiting: queue.Queue[bytes | None] = queue.Queue(_DEPTH)
            waiting.put(first)
            thread = threading.Thread(target=_consume, args=(one, waiting), name="hash", daemon=True)
            thread.start()
            self._queues.append(waiting)
            self._threads.append(thread)

    def finish(self) -> tuple[str, ...]:
        """The hex digests, in the order of the algorithms."""
        if not self._threads and self._first is not None:
            for one in self._hashes:
                one.update(self._first)
        self.close()
        return tuple(one.hexdigest() for one in self._hashes)

    def close(self) -> None:
        """End the threads; safe to call again, and after a failure."""
        for waiting in self._queues:
            waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._queues, self._threads = [], []


def _consume(one: Any, waiting: "queue.Queue[bytes | None]") -> None:
    while (block := waiting.get()) is not None:
        one.update(block)
