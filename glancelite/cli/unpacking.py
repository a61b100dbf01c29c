"""`--decompress`: what is in a file of gzip, xz, bzip2 or zip as the data of an image."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, cast

import click

from glancelite.archives import HEAD, Refused, find_kind, open_archive
from glancelite.client.errors import BadData

from .source import PIECE, Source

_MEMORY = 1 << 30
"""Bytes that decompressing xz may take; `xz -9` asks for 65 MiB of them."""


@dataclass(frozen=True)
class Unpacked(Source):
    """What comes out of a compressed source. How much that will be nobody knows before."""

    rest: Iterator[bytes] = field(kw_only=True)

    def pieces(self) -> Iterator[bytes]:
        yield self.first
        yield from self.rest


class _Reader:
    """Pieces, as a file that is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, memoryview(b"")

    def read(self, size: int) -> bytes:
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        data, self._left = self._left[:size], self._left[size:]
        return bytes(data)


def unpack(source: Source) -> Source:
    """The content of a compressed source; refused when it is none, or cannot even be begun."""
    kind = find_kind(source.ends(HEAD, 0)[0])
    if kind is None:
        raise click.ClickException("The data is not compressed, as far as is known here: leave --decompress out.")
    if kind == "zip" and (source.is_pipe or source.start):
        raise click.ClickException("A zip is decompressed from --file only: what is in it stands at its end.")
    blocks = _content(source, kind)
    try:
        first = b""
        while len(first) < PIECE and (block := next(blocks, b"")):
            first += block
    except BadData as error:
        raise click.ClickException(f"Cannot decompress: {error}") from error
    if not first:
        raise click.ClickException(f"There is nothing in the {kind} data.")
    return Unpacked(source.handle, first, None, is_pipe=True, rest=blocks)


def unpack_file(handle: int) -> Iterator[bytes]:
    """The content of an open file from its beginning. Raises BadData where it is not compressed, or damaged."""
    kind = find_kind(os.pread(handle, HEAD, 0))
    if kind is None:
        raise BadData("it is not compressed, as far as is known here: leave --decompress out.")
    os.lseek(handle, 0, os.SEEK_SET)
    return _expand(open(handle, "rb", closefd=False), kind)


def _content(source: Source, kind: str) -> Iterator[bytes]:
    file = open(source.handle, "rb", closefd=False) if kind == "zip" else _Reader(source.pieces())  # noqa: SIM115
    return _expand(cast(IO[bytes], file), kind)


def _expand(file: IO[bytes], kind: str) -> Iterator[bytes]:
    try:
        yield from filter(None, open_archive(file, kind, _MEMORY))
    except Refused as refused:
        raise BadData(f"{refused}.") from refused
