"""Compressed files: which kind one is, and its content in small blocks. Whatever its headers promise, only what really
comes out counts; how much that may be is for who asks for the blocks to say."""

import bz2
import lzma
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Protocol, cast

BLOCK = 1 << 20
"""Most bytes of content that are given at a time."""
_CHUNK = 64 << 10
_GZIP, _DEFLATE = 31, -15
_ENCRYPTED = 0x1
_DIRECTORY_MOST = 256 << 10
"""More than the directory of a single file can have: a header, and three texts of at most 64 KiB."""
_END = 22
"""Bytes of the record that ends a zip, without the comment that may follow."""
_AFTER_FILE_MOST = 24
"""Bytes that may follow a file's data in a zip: a descriptor with its sizes."""

# The magic numbers of RFC 1952, xz's file format, bzip2 (with that of its first or last block), PKWARE's APPNOTE,
# RFC 8878, and LHA's header.
_KINDS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("gzip", re.compile(rb"\x1f\x8b\x08")),
    ("xz", re.compile(rb"\xfd7zXZ\0")),
    ("bzip2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")),
    ("zip", re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)")),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd")),
    ("lha", re.compile(rb"..-l[hz][0-9a-z]-", re.DOTALL)),
)
HEAD = 16
"""Bytes that tell the kind."""


class Refused(Exception):
    """Why this file is not unpacked."""


class Decoder(Protocol):
    """As the standard library's LZMADecompressor and BZ2Decompressor are."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def find_kind(head: bytes) -> str | None:
    """The kind of compressed file that begins with these bytes; None when it is none that is known."""
    return next((kind for kind, magic in _KINDS if magic.match(head)), None)


def open_archive(file: IO[bytes], kind: str, memory: int) -> Iterator[bytes]:
    """The content of a compressed file, in blocks (some are empty); Refused when it is not to be had.

    `memory` is what decompressing xz may take, whose headers can ask for gigabytes; the other kinds take little.
    """
    if kind == "zip":
        return _unzip(file)
    decoders: dict[str, Callable[[], Decoder]] = {
        "gzip": lambda: _Deflate(_GZIP),
        "xz": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=memory),
        "bzip2": bz2.BZ2Decompressor,
    }
    if kind not in decoders:
        raise Refused(f"it is a file of {kind}, which is not unpacked here; gzip, xz, bzip2 and zip are")
    return _expand_members(file, decoders[kind])


class _Deflate:
    """zlib's decompressor, with the manners of the others."""

    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)
        self._is_full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._is_full and not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        block = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._is_full = len(block) == max_length
        return block


class _Stored:
    """The decompressor of what is not compressed."""

    needs_input = True
    unused_data = b""

    def __init__(self, size: int) -> None:
        self._left = size

    @property
    def eof(self) -> bool:
        return not self._left

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        self._left -= len(data)
        return data


class _Part:
    """So many bytes of a file from where it stands."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


def _expand(source: _Part | IO[bytes], decoder: Decoder, data: bytes = b"") -> Iterator[bytes]:
    """What one decoder makes of `data` and then of the source, up to its end."""
    while not decoder.eof:
        if decoder.needs_input and not data:
            data = source.read(_CHUNK)
            if not data:
                raise Refused("it ends too early")
        try:
            block = decoder.decompress(data, BLOCK)
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, MemoryError) as error:
            is_greedy = isinstance(error, MemoryError) or "Memory usage limit" in str(error)
            raise Refused("it takes more memory than is allowed" if is_greedy else "it is damaged") from error
        data = b""
        yield block


def _expand_members(source: IO[bytes], new: Callable[[], Decoder]) -> Iterator[bytes]:
    """The content of members one after the other, as gunzip, xz and bunzip2 take them, with zeros as padding."""
    data = source.read(_CHUNK)
    while data:
        decoder = new()
        yield from _expand(source, decoder, data)
        data = decoder.unused_data or source.read(_CHUNK)
        while data and not (data := data.lstrip(b"\0")):
            yield b""
            data = source.read(_CHUNK)


def _unzip(file: IO[bytes]) -> Iterator[bytes]:
    """The content of the only file in a zip. What else its directory tells is held against what comes out."""
    entry = _find_entry(file)
    file.seek(entry.start)
    part = _Part(file, entry.packed)
    decoder: Decoder = _Deflate(_DEFLATE) if entry.is_deflated else _Stored(entry.packed)
    crc = size = 0
    for block in _expand(part, decoder):
        crc, size = zlib.crc32(block, crc), size + len(block)
        yield block
    if (crc, size) != (entry.crc, entry.size) or decoder.unused_data or part.read(1):
        raise Refused("it is damaged")


class _Entry:
    """Where the only file of a zip is, and what is said of it."""

    def __init__(self, file: IO[bytes], info: Any, directory: int) -> None:
        if info.is_dir():
            raise Refused("its zip has a directory where one file is expected")
        if info.flag_bits & _ENCRYPTED:
            raise Refused("its zip is encrypted")
        if info.compress_type not in (0, 8):
            raise Refused("its zip is compressed in a way that is not known here")
        if info.header_offset != 0:
            raise Refused("its zip does not begin with its file")
        file.seek(0)
        magic, name, extra = struct.unpack("<4s22xHH", file.read(30))
        self.start = 30 + name + extra
        self.packed, self.size, self.crc = info.compress_size, info.file_size, info.CRC
        self.is_deflated = info.compress_type == 8
        if magic != b"PK\x03\x04" or not 0 <= directory - self.start - self.packed <= _AFTER_FILE_MOST:
            raise Refused("its zip has more in it than its directory tells, or less")


class _Cautious:
    """A file as zipfile reads its directory: it believes what is said of its length, and would take it all at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_MOST:
            raise Refused("its zip has more than one file in it")
        return self._file.read(size if size >= 0 else _DIRECTORY_MOST)


def _find_entry(file: IO[bytes]) -> _Entry:
    import zipfile

    try:
        with zipfile.ZipFile(cast(IO[bytes], _Cautious(file))) as archive:
            entries = archive.infolist()
            if len(entries) != 1:
                raise Refused(f"its zip has {len(entries)} files in it; one is expected")
            file.seek(-_END - len(archive.comment), os.SEEK_END)
            if file.read(4) != b"PK\x05\x06":
                raise Refused("its zip has something behind its end")
            return _Entry(file, entries[0], archive.start_dir)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error, OverflowError) as error:
        raise Refused("its zip is damaged") from error
