"""The plugin that unpacks what was compressed for its journey."""

import errno
from pathlib import Path
from typing import ClassVar

from ...config import Config, Option
from ...errors import DecompressionFailed, ImageTooLarge
from .base import Workpiece
from .reports import Reports

_SECTION = "image_decompression"
COMPRESSED_BY_NATURE = ("aki", "ari")
"""Kernels and ramdisks are compressed files, and booted as such."""
_MIB = 1 << 20
_HARMLESS = 64 * _MIB
"""What compressed data may grow to whatever its size: a new, empty disk is no bomb."""


class ImageDecompression:
    """Decompresses the data of an import that is a file of gzip, xz, bzip2 or zip, once. What it is, its first bytes
    say, not its name; other data is left as it is. Name it before image_conversion.

    A zip has one file in it, deflated or stored and not encrypted. Several members of gzip, xz or bzip2 one after the
    other are one content. Files of zstd and LHA are refused, not stored as if they were disks. Images whose
    container_format is compressed are left as they are, for that is what they want to be, and so are kernels and
    ramdisks (disk_format aki, ari).

    What comes out has no more bytes than an image may have, and is no more than max_ratio times what went in. Neither
    gzip nor zip gets beyond 1032 times; xz and bzip2 do, for disks of which less than a thousandth is in use.

    ```ini
    [image_import_opts]
    image_import_plugins = image_decompression, image_conversion
    ```
    """

    name: ClassVar[str] = "image_decompression"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(_SECTION, "max_ratio", "int", 1100, "How many times its size compressed data may grow beyond its first "
               "64 MB, within the limit for an image; 0: any.", minimum=0),
        Option(_SECTION, "memory", "bytes", "128 MB", "Most memory that decompressing xz may take: `xz -9` needs 65 "
               "MB.", minimum=1),
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._max_ratio: int = config[f"{_SECTION}.max_ratio"]
        self._memory: int = config[f"{_SECTION}.memory"]

    def run(self, piece: Workpiece) -> None:
        from glancelite.archives import HEAD, find_kind

        image = piece.image
        if image.container_format == "compressed" or image.disk_format in COMPRESSED_BY_NATURE:
            return
        try:
            with piece.path.open("rb") as file:
                kind = find_kind(file.read(HEAD))
        except OSError as error:
            raise _disk_error(piece, error) from error
        if kind is not None:
            piece.replace(lambda target: self._unpack(piece, kind, target))

    def _unpack(self, piece: Workpiece, kind: str, target: Path) -> None:
        from glancelite.archives import Refused, open_archive

        reports, size = Reports(piece), 0
        try:
            with piece.path.open("rb") as file, target.open("xb") as sink:
                for block in open_archive(file, kind, self._memory):
                    size += len(block)
                    self._check_size(piece, size)
                    sink.write(block)
                    reports.say(f"Decompressing {kind}: {size // _MIB} MiB")
        except Refused as error:
            raise DecompressionFailed(image_id=piece.image.id, reason=str(error)) from error
        except OSError as error:
            raise _disk_error(piece, error) from error

    def _check_size(self, piece: Workpiece, size: int) -> None:
        if size > piece.cap:
            raise ImageTooLarge(image_id=piece.image.id, limit=piece.cap)
        if self._max_ratio and size > max(self._max_ratio * piece.size, _HARMLESS):
            reason = f"it grows to more than {self._max_ratio} times its size"
            raise DecompressionFailed(image_id=piece.image.id, reason=reason)


def _disk_error(piece: Workpiece, error: OSError) -> DecompressionFailed:
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "there is no space left to write the result" if is_full else "its file cannot be used at the moment"
    return DecompressionFailed(image_id=piece.image.id, reason=reason)
