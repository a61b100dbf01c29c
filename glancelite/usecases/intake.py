"""The one door for bytes: whatever comes in is counted, capped, hashed and inspected here, on its way into a store.

The store pulls blocks through a Stream; each block also goes to the hashes, which work beside it, and to the format
inspection. What does not pass raises inside the store's `add`, which then leaves nothing.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..domain.digest import Digest
from ..domain.image import Image
from ..domain.ports import Content, Signature, Store
from ..errors import FormatMismatch, ImageTooLarge, QuotaExceeded, SignatureMismatch, SizeMismatch, UnsafeContent
from .hashes import BLOCK, Blocks, Hashes

if TYPE_CHECKING:
    from ..formats import Verdict

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where bytes come from."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer; how many bytes, fewer than it holds only at their end. Raises our errors only."""


@dataclass(frozen=True)
class Limits:
    """What a stream must keep to. Sizes in bytes; None: not known or no limit."""

    cap: int
    declared: int | None = None
    room: int | None = None
    room_of: str = "bytes of image data"
    algorithm: str = "sha512"
    has_checksum: bool = True
    must_match: bool = True
    expected: Digest | None = None
    """A digest that the stream is promised to have."""
    signature: Signature | None = None
    """A signature that it must fit."""
    is_staging: bool = False
    """Is it only put down, to be hashed and inspected when it is taken up again?"""


def take_in(image: Image, key: str, source: Source, store: Store, limits: Limits) -> tuple[Content, str]:
    """Bring the stream into the store under this key; what it turned out to be, and its URL there.

    Raises SizeMismatch, ImageTooLarge, QuotaExceeded, DigestMismatch, SignatureMismatch, UnsafeContent, FormatMismatch,
    whatever the source and the store raise; then nothing is left in the store.
    """
    stream = Stream(image, source, limits)
    try:
        url = store.add(key, stream)
        return stream.content(), url
    finally:
        stream.close()


class Stream:
    """The blocks of a source, watched. Its iteration ends in order only when all that was promised has been kept.

    A block is to be used before the next one is asked for: its buffer then takes other bytes.
    """

    def __init__(self, image: Image, source: Source, limits: Limits) -> None:
        from ..formats import Inspection  # it takes long to load, and a server loads it when it can answer already

        self._image, self._source, self._limits = image, source, limits
        self._size = 0
        self._blocks = Blocks(BLOCK if limits.declared is None else max(min(limits.declared, BLOCK), 1))
        own = () if limits.is_staging else (limits.algorithm, *(["md5"] if limits.has_checksum else []))
        wanted = (limits.expected.algorithm,) if limits.expected else ()
        signed = (limits.signature.algorithm,) if limits.signature else ()
        self._algorithms = tuple(dict.fromkeys((*own, *wanted, *signed)))
        self._hashes = Hashes(self._algorithms)
        self._digests: dict[str, str] = {}
        self._inspection = None if limits.is_staging else Inspection()
        self._verdict: Verdict | None = None

    def __iter__(self) -> Iterator[memoryview]:
        while count := self._source.readinto((block := self._blocks.take()).buffer):
            block.view = block.buffer[:count]
            self._size += count
            self._check_size()
            self._hashes.update(block)
            if self._inspection:
                self._inspection.feed(block.view)
            yield block.view
            block.let_go()
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
        self._digests = dict(zip(self._algorithms, self._hashes.finish(), strict=True))
        expected = self._limits.expected
        if expected is not None:
            expected.check(self._image.id, self._digests[expected.algorithm])
        signature = self._limits.signature
        if signature is not None and not signature.fits(bytes.fromhex(self._digests[signature.algorithm])):
            raise SignatureMismatch(image_id=self._image.id)
        if self._inspection:
            self._verdict = self._inspection.finish()
            if self._size:
                check_format(self._image, self._verdict, self._limits.must_match)

    def content(self) -> Content:
        """What came through, once iteration has ended."""
        if self._limits.is_staging:
            return Content(self._size, None, "", "", None)
        virtual_size = self._verdict.virtual_size if self._verdict and self._size else None
        if self._image.disk_format == "raw" and self._size:
            virtual_size = self._size
        checksum = self._digests["md5"] if self._limits.has_checksum else None
        algorithm = self._limits.algorithm
        return Content(self._size, checksum, algorithm, self._digests[algorithm], virtual_size)

    def close(self) -> None:
        self._hashes.close()
        self._blocks.close()


def check_format(image: Image, verdict: "Verdict", must_match: bool) -> None:
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
