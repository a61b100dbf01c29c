"""Where the data of a new image comes from: a file, a pipe on standard input, or nowhere."""

import contextlib
import os
import select
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import click

from glancelite.client.errors import BadData

PIECE = 1 << 20
PATIENCE = 2.0
"""Seconds to wait for a pipe before saying what is waited for."""


@dataclass(frozen=True)
class Source:
    """An open stream, what was already read of it, and its length when that is known; of a file also its beginning."""

    handle: int
    first: bytes
    length: int | None
    is_pipe: bool
    start: int = 0

    def again(self) -> Iterator[bytes]:
        """The data of a file (not of a pipe) from its beginning, for another look at it."""
        os.lseek(self.handle, self.start, os.SEEK_SET)
        yield from self.pieces()
        os.lseek(self.handle, self.start, os.SEEK_SET)

    def ends(self, head: int, tail: int) -> tuple[bytes, bytes]:
        """The first and the last bytes; of a pipe only the first."""
        if self.length is None or self.is_pipe:
            return self.first[:head], b""
        tail = min(tail, self.length)
        return (
            os.pread(self.handle, min(head, self.length), self.start),
            os.pread(self.handle, tail, self.start + self.length - tail),
        )

    def pieces(self) -> Iterator[bytes]:
        """The data in pieces: exactly `length` bytes where it is known."""
        sent, piece = 0, self.first or _read(self.handle)
        while piece:
            if self.length is not None and sent + len(piece) > self.length:
                if self.is_pipe:
                    raise BadData(f"more than the {self.length} bytes of --size came from the pipe.")
                piece = piece[: self.length - sent]
            sent += len(piece)
            if piece:
                yield piece
            piece = b"" if sent == self.length and not self.is_pipe else _read(self.handle)
        if self.length is not None and sent < self.length:
            raise BadData(f"only {sent} of {self.length} bytes came.")


@contextlib.contextmanager
def open_source(file: str | None, size: int | None) -> Iterator[Source | None]:
    """The data that --file and standard input offer; None when there is none."""
    if file in (None, "-"):
        yield _from_input(is_asked=file == "-", size=size)
        return
    try:
        handle = os.open(str(file), os.O_RDONLY)
    except OSError as error:
        raise click.ClickException(f"Cannot read {file}: {error.strerror}.") from error
    try:
        yield _with_data(_from_handle(handle, str(file), size), str(file), size)
    finally:
        os.close(handle)


def _with_data(source: Source, name: str, size: int | None) -> Source:
    """The source, when it has data; without any it must have been said that it is empty."""
    if source.is_pipe and size != 0:
        source = replace(source, first=_read(source.handle))
    if size != 0 and not source.first and not source.length:
        raise click.ClickException(f"{name} is empty; for an image of no bytes say so with --size 0.")
    return source


def _from_handle(handle: int, name: str, size: int | None) -> Source:
    status = os.fstat(handle)
    if stat.S_ISDIR(status.st_mode):
        raise click.ClickException(f"Cannot read {name}: it is a directory.")
    if not stat.S_ISREG(status.st_mode):
        return Source(handle, b"", size, is_pipe=True)
    start = os.lseek(handle, 0, os.SEEK_CUR)
    left = max(status.st_size - start, 0)
    if size is not None and size != left:
        raise click.UsageError(f"{name} has {left} bytes, but --size says {size}.")
    return Source(handle, b"", left, is_pipe=False, start=start)


def _from_input(is_asked: bool, size: int | None) -> Source | None:
    try:
        handle = sys.stdin.fileno()
        kind = os.fstat(handle).st_mode
    except (AttributeError, OSError, ValueError):
        return None
    if is_asked and os.isatty(handle):
        raise click.UsageError("--file - reads standard input, but that is a terminal.")
    is_stream = stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or stat.S_ISREG(kind)
    if not is_asked and not is_stream:
        return None
    source = _from_handle(handle, "standard input", size)
    if not source.is_pipe and source.length == 0:
        return _refuse_nothing(source, is_asked, size)
    if not source.is_pipe:
        return source
    _wait_for(handle)
    first = _read(handle)
    return Source(handle, first, size, is_pipe=True) if first else _refuse_nothing(source, is_asked, size)


def _refuse_nothing(source: Source, is_asked: bool, size: int | None) -> Source | None:
    """An empty input is no data, unless it is asked for by name; and then its size must be said."""
    if size == 0:
        return source
    if is_asked or size:
        raise click.ClickException("Standard input is empty; for an image of no bytes say so with --size 0.")
    return None


def _wait_for(handle: int) -> None:
    if not select.select([handle], [], [], PATIENCE)[0]:
        click.echo("Waiting for image data on standard input; for an image without data use </dev/null.", err=True)


def _read(handle: int) -> bytes:
    """A whole piece, unless the input ends before."""
    parts, missing = [], PIECE
    while missing and (part := os.read(handle, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
