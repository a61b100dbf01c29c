"""VDI: its own disk and nobody else's child, with a block map of the size its disk needs.

Source of the layout and of the limits, but for the map's: QEMU's block/vdi.c.
"""

import struct

from oslo_utils.imageutils.format_inspector import SafetyCheck, SafetyViolation, VDIInspector

_VERSION = 0x00010001
_DYNAMIC, _STATIC = 1, 2
_CHILD = (3, 4)
"""Of the types there are, those that need another disk: undo and differencing."""
_HEADER_SIZES = range(0x180, 0x1B8 + 1)
_BLOCK = 1 << 20
_MAX_BLOCKS = 16 << 20
"""Entries of 4 bytes: a disk of 16 TiB."""


class Vdi(VDIInspector):
    """The library's inspector, which finds nothing to check."""

    def _initialize(self) -> None:
        super()._initialize()
        self.add_safety_check(SafetyCheck("parent", self._check_parent))
        self.add_safety_check(SafetyCheck("map", self._check_map))

    def _check_parent(self) -> None:
        header = self.region("header").data
        version, length, kind = struct.unpack_from("<III", header, 0x44)
        if kind in _CHILD or any(header[0x1A8:0x1C8]):
            raise SafetyViolation("Image has a parent disk")
        if version != _VERSION or kind not in (_DYNAMIC, _STATIC):
            raise SafetyViolation("Image is of an unknown type of VDI")
        if length not in _HEADER_SIZES:
            raise SafetyViolation("Image has a header of an impossible length")

    def _check_map(self) -> None:
        header = self.region("header").data
        map_at, data_at = struct.unpack_from("<II", header, 0x154)
        sector, _, size, block, _, blocks, allocated = struct.unpack_from("<IIQIIII", header, 0x168)
        if sector != 512 or block != _BLOCK:
            raise SafetyViolation("Image has sectors or blocks of an unknown size")
        if map_at < 512 or map_at % 512 or data_at % 512 or data_at < map_at + blocks * 4:
            raise SafetyViolation("Image has its block map or its data in an impossible place")
        if blocks > _MAX_BLOCKS or allocated > blocks:
            raise SafetyViolation("Image has a block map that is too large")
        if not 0 < size <= blocks * block:
            raise SafetyViolation("Image has a block map that is too small for its virtual size")
