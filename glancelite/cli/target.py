"""What `image save` writes to: a stream, or a PATH.part that becomes PATH when it is whole, and may be gone on with."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from glancelite.client.digest import Digest
from glancelite.client.errors import BadData

from .progress import Meter, follow
from .service import note

if TYPE_CHECKING:
    from glancelite.client.images import Image

_PIECE = 1 << 20
_BLOCK = 4 << 10
"""What a hole is made of: the blocks of most file systems."""
_ZEROS = bytes(_PIECE)
_EARLY = 32 << 20
"""Bytes after which the disk is set to work, so that it has little left to do at the end."""


class Target:
    """A stream: what is written is hashed beside, and cannot be taken back."""

    def __init__(self, image: "Image", write: Callable[[bytes], object]) -> None:
        self._write = write
        self.digest, self.offset, self.validator = Digest(image), 0, ""

    def begin(self, offset: int, validator: str) -> bool:
        """Data comes, from this offset on; False when that is of no use, and other data is to be asked for."""
        if offset != self.offset or (self.validator and validator not in ("", self.validator)):
            raise BadData("the connection was cut, and the service does not go on where that was.")
        self.validator = validator
        return True

    def write(self, piece: bytes) -> None:
        self.digest.update(piece)
        self._write(piece)
        self.offset += len(piece)

    def close(self) -> None:
        self.digest.close()


class Part(Target):
    """PATH.part, and beside it, when it may be gone on with, a note of whose data it is."""

    def __init__(
        self, path: Path, image: "Image", meter: Meter, *, resumes: bool, is_sparse: bool, unpacks: bool = False
    ) -> None:
        super().__init__(image, self._put)
        self._put_at = _write_sparse if is_sparse else _write_all
        self._path, self._part = path, path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".part.json")
        self._content = path.with_name(path.name + ".part.content") if unpacks else None
        self._image, self._meter, self._resumes = image, meter, resumes
        self._handle = self._lock()
        self._early = 0

    def _lock(self) -> int:
        handle = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise click.ClickException(f"Another process is writing {self._part}.") from error
        if not self._is_there(handle):
            os.close(handle)
            raise click.ClickException(f"Another process has just written {self._path}.")
        return handle

    def _is_there(self, handle: int) -> bool:
        """Is it still the file of that name, and not one that became PATH between opening and locking?"""
        try:
            return os.path.samestat(os.fstat(handle), self._part.stat())
        except FileNotFoundError:
            return False

    def __enter__(self) -> Self:
        try:
            self._go_on()
        except BaseException:
            self.close()
            os.close(self._handle)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.close()
        try:
            if error is None:
                self._finish()
            elif self._resumes and self.offset and not isinstance(error, BadData):
                os.ftruncate(self._handle, self.offset)  # a hole at the end is data too
                self._meter.close()
                note(f"{self._part} has {self.offset} bytes of it: --resume goes on from there.")
            else:
                self._discard()
        except BaseException:
            self._discard()
            raise
        finally:
            os.close(self._handle)

    def begin(self, offset: int, validator: str) -> bool:
        has_changed = bool(self.validator and validator not in ("", self.validator))
        if self.offset and (has_changed or offset != self.offset):
            self._start_over(
                f"Image {self._image['id']} has changed since" if has_changed else "The service does not go on where"
            )
        self.validator = validator
        if self._resumes and not self.offset:
            self._note.write_text(json.dumps(self._describe()) + "\n")
        return offset == self.offset

    # What was there -----------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Take up what an earlier save left, when it is of this image."""
        have = os.fstat(self._handle).st_size
        known = self._read_note() if self._resumes and have else None
        if known is None:
            if self._resumes and have:
                note(f"It is not known what {self._part} is of; it is written anew.")
            self._empty()
            return
        now = self._describe()
        self.offset = have
        if known.get("id") != now["id"]:
            self._start_over(f"Image {known.get('id')} and not {now['id']} was being saved when")
        elif have > (now["size"] or have) or any(known.get(name) != now[name] for name in now if name != "etag"):
            self._start_over(f"Image {now['id']} has changed since")
        else:
            self.validator = str(known.get("etag") or "")
            for piece in follow(self._read_back(have), have, self._meter, "reading what is there"):
                self.digest.update(piece)

    def _start_over(self, why: str) -> None:
        self._meter.close()
        note(f"{why} {self._part} was cut off: it is saved from the beginning.")
        self._empty()

    def _empty(self) -> None:
        self.digest.close()
        self.digest, self.offset, self.validator, self._early = Digest(self._image), 0, "", 0
        os.ftruncate(self._handle, 0)
        self._note.unlink(missing_ok=True)

    def _read_back(self, size: int) -> Iterator[bytes]:
        at = 0
        while at < size and (piece := os.pread(self._handle, min(_PIECE, size - at), at)):
            at += len(piece)
            yield piece

    def _read_note(self) -> dict[str, Any] | None:
        try:
            known = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return None
        return known if isinstance(known, dict) else None

    def _describe(self) -> dict[str, Any]:
        """What tells the image's data from all other."""
        fields = ("id", "size", "os_hash_algo", "os_hash_value", "checksum")
        return {name: self._image.get(name) for name in fields} | {"etag": self.validator}

    # What comes ---------------------------------------------------------------------------------------------------

    def _put(self, piece: bytes) -> None:
        self._put_at(self._handle, piece, self.offset)
        self._set_to_work()

    def _set_to_work(self) -> None:
        """Have what lies behind written to the disk: the kernel begins with that when it may forget it."""
        if self.offset - self._early >= _EARLY:
            os.posix_fadvise(self._handle, self._early, self.offset - self._early, os.POSIX_FADV_DONTNEED)
            self._early = self.offset

    def _finish(self) -> None:
        os.ftruncate(self._handle, self.offset)
        if self._content:
            self._unpack(self._content)
            self._content.replace(self._path)
            self._part.unlink()
        else:
            os.fsync(self._handle)
            self._part.replace(self._path)
        self._note.unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _unpack(self, path: Path) -> None:
        """Put down what is in the data, once that was checked."""
        from .unpacking import unpack_file

        at, handle = 0, os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            for piece in follow(unpack_file(self._handle), None, self._meter, "decompressing"):
                self._put_at(handle, piece, at)
                at += len(piece)
            os.ftruncate(handle, at)
            os.fsync(handle)
        finally:
            os.close(handle)

    def _discard(self) -> None:
        for path in filter(None, (self._part, self._note, self._content)):
            path.unlink(missing_ok=True)


def _write_all(handle: int, piece: bytes, at: int) -> None:
    left = memoryview(piece)
    while left:
        count = os.pwrite(handle, left, at)
        left, at = left[count:], at + count


def _write_sparse(handle: int, piece: bytes, at: int) -> None:
    for start, end in find_data(piece, at):
        _write_all(handle, piece[start:end] if end - start < len(piece) else piece, at + start)


def find_data(piece: bytes, at: int) -> Iterator[tuple[int, int]]:
    """From where to where in the piece, which lies at this place of a file, its blocks hold anything but zeros."""
    if len(piece) <= _PIECE and piece == (_ZEROS if len(piece) == _PIECE else _ZEROS[: len(piece)]):
        return
    begun: int | None = None
    place = 0
    while place < len(piece):
        end = min(place + _BLOCK - (at + place) % _BLOCK, len(piece))
        if piece[place:end] != _ZEROS[: end - place]:
            begun = place if begun is None else begun
        elif begun is not None:
            yield begun, place
            begun = None
        place = end
    if begun is not None:
        yield begun, place
