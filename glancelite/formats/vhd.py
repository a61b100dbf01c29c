"""VHD: its own disk and nobody else's child. Dynamic disks begin with a copy of their footer; a fixed one is a raw disk
that only its end tells from any other.

Sources of the layout: Microsoft's "Virtual Hard Disk Image Format Specification" and QEMU's block/vpc.c.
"""

import struct

from oslo_utils.imageutils.format_inspector import CaptureRegion, SafetyCheck, SafetyViolation, VHDInspector

FOOTER = 512
_COOKIE = b"conectix"
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4
_NOWHERE = (1 << 64) - 1

_MAX_FRONT = 64 << 10
"""Where the header of a dynamic disk must have ended; writers let it follow the footer's copy."""
_HEADER = 1024
_MAX_BLOCKS = 4 << 20
"""Entries of 4 bytes: twice a disk of 2 TiB, which is the most there is, in blocks of 1 MiB."""


class Vhd(VHDInspector):
    """The library's inspector, which finds nothing to check."""

    def _initialize(self) -> None:
        super()._initialize()
        self._end = b""
        self.new_region("front", CaptureRegion(0, _MAX_FRONT, min_length=FOOTER))
        self.add_safety_check(SafetyCheck("parent", self._check_type))
        self.add_safety_check(SafetyCheck("header", self._check_header))
        self.add_safety_check(SafetyCheck("footer", self._check_footer))

    @property
    def virtual_size(self) -> int:
        """The size as it is now; the library tells the one the disk was made with."""
        front = self.region("front").data
        return int.from_bytes(front[48:56], "big") or int(super().virtual_size)

    def see_end(self, end: bytes) -> None:
        """The last bytes of the image, once all of it has been seen."""
        self._end = end

    def _check_type(self) -> None:
        kind = _type(self.region("front").data)
        if kind == _DIFFERENCING:
            raise SafetyViolation("Image has a parent disk")
        if kind not in (_FIXED, _DYNAMIC):
            raise SafetyViolation("Image is of an unknown type of VHD")
        if not 0 < self.virtual_size < 1 << 63:
            raise SafetyViolation("Image has an impossible virtual size")

    def _check_header(self) -> None:
        front = self.region("front").data
        at = int.from_bytes(front[16:24], "big")
        if at == _NOWHERE and _type(front) == _FIXED:
            return
        if at < FOOTER or at + _HEADER > len(front) or front[at : at + 8] != b"cxsparse":
            raise SafetyViolation("Image has no header of a dynamic disk where it says")
        header = front[at : at + _HEADER]
        # The parent's UUID, its name, and eight locators that begin with the platform they are for.
        if any(header[40:56]) or any(header[64:576]) or any(header[576:768]):
            raise SafetyViolation("Image has a parent disk")
        blocks, block_size = struct.unpack_from(">II", header, 28)
        if block_size < FOOTER or block_size & (block_size - 1):
            raise SafetyViolation("Image has blocks of an impossible size")
        if blocks > _MAX_BLOCKS:
            raise SafetyViolation("Image has a block table that is too large")
        if blocks * block_size < self.virtual_size:
            raise SafetyViolation("Image has a block table that is too small for its virtual size")

    def _check_footer(self) -> None:
        """Some readers begin at the end; they must come to the same disk."""
        front = self.region("front").data[:FOOTER]
        if self._end.startswith(_COOKIE) and _meaning(self._end) != _meaning(front):
            raise SafetyViolation("Image has a footer that differs from its copy at the beginning")


def fixed_disk_size(end: bytes, size: int) -> int | None:
    """The size of the disk in an image that ends as a fixed VHD does; None: it is none.

    Such a footer is never a danger: what is in front of it is read as a raw disk, whatever it looks like. One of
    another type says nothing here, for those are recognised by their first bytes.
    """
    if len(end) != FOOTER or not end.startswith(_COOKIE) or _type(end) != _FIXED:
        return None
    checksum = ~(sum(end[:64]) + sum(end[68:])) & 0xFFFFFFFF
    disk = int.from_bytes(end[48:56], "big")
    if checksum != int.from_bytes(end[64:68], "big") or not 0 < disk <= size - FOOTER:
        return None
    return disk


def _type(footer: bytes | bytearray) -> int:
    return int.from_bytes(footer[60:64], "big")


def _meaning(footer: bytes | bytearray) -> tuple[bytes, ...]:
    """Where the header is; the disk's sizes, geometry and type."""
    return bytes(footer[16:24]), bytes(footer[40:64])
