"""VHDX: its own disk and nobody else's child, and nothing in it that would make it another when it is opened.

Source of the layout: Microsoft's [MS-VHDX]. The library finds the metadata region; here its items are looked at, as are
the parts that tell another reader another story: the second region table, and the log, which is replayed over all else.
"""

import struct
from uuid import UUID

from oslo_utils.imageutils.format_inspector import CaptureRegion, SafetyCheck, SafetyViolation, VHDXInspector

_HEADERS_AT = (64 << 10, 128 << 10)
_HEADER = 4096
_TABLES_AT = (192 << 10, 256 << 10)
_TABLE = 64 << 10
_MAX_ENTRIES = 2047
_MAX_BAT = 64 << 20
_MAX_SIZE = 64 << 40

_METADATA = UUID("8B7CA206-4790-4B9A-B8FE-575F050F886E").bytes_le
_BAT = UUID("2DC27766-F623-4200-9D64-115E9BFD4A08").bytes_le
_FILE_PARAMETERS = UUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B").bytes_le
_PARENT_LOCATOR = UUID("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C").bytes_le
_SIZE = UUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8").bytes_le
_HAS_PARENT = 2


class Vhdx(VHDXInspector):
    """The library's inspector, which finds nothing to check."""

    def _initialize(self) -> None:
        super()._initialize()
        for number, at in enumerate(_HEADERS_AT):
            self.new_region(f"header_{number}", CaptureRegion(at, _HEADER))
        self.new_region("second_table", CaptureRegion(_TABLES_AT[1], _TABLE))
        self.add_safety_check(SafetyCheck("regions", self._check_regions))
        self.add_safety_check(SafetyCheck("log", self._check_log))
        self.add_safety_check(SafetyCheck("metadata", self._check_metadata))

    def post_process(self) -> None:
        """Look for the file parameters as soon as the library has found the size, whose table is theirs."""
        super().post_process()
        if self.has_region("vds") and not self.has_region("parameters"):
            place = self._items().get(_FILE_PARAMETERS)
            if place:
                self.new_region("parameters", CaptureRegion(self.region("metadata").offset + place[0], 8))

    def _items(self) -> dict[bytes, tuple[int, int]]:
        """Place and length of each item; SafetyViolation when that is not to be told."""
        data = self.region("metadata").data
        count = int.from_bytes(data[10:12], "little")
        return _entries(data, 32, count, "<II", "metadata item")

    def _regions(self) -> dict[bytes, tuple[int, int]]:
        data = self.region("header").data
        count = int.from_bytes(data[8:12], "little")
        return _entries(data, 16, count, "<QI", "region")

    def _check_regions(self) -> None:
        table, second = self.region("header").data, self.region("second_table").data
        regions = self._regions()
        if table[:4] != b"regi" or _METADATA not in regions:
            raise SafetyViolation("Image has no region of metadata")
        end = 16 + 32 * len(regions)
        if second[:4] == b"regi" and second[8:end] != table[8:end]:
            raise SafetyViolation("Image has two region tables that differ")
        if regions.get(_BAT, (0, 0))[1] > _MAX_BAT:
            raise SafetyViolation("Image has a block table that is too large")

    def _check_log(self) -> None:
        """The header in force is the valid one that was written last."""
        headers = [bytes(self.region(f"header_{number}").data) for number in range(len(_HEADERS_AT))]
        written = [(int.from_bytes(one[8:16], "little"), one) for one in headers if _is_valid(one)]
        newest = max((number for number, _ in written), default=0)
        if any(any(one[48:64]) for number, one in written if number == newest):
            raise SafetyViolation("Image has a log that waits to be replayed")

    def _check_metadata(self) -> None:
        items = self._items() if self.has_region("metadata") else {}
        if _PARENT_LOCATOR in items:
            raise SafetyViolation("Image has a parent disk")
        for item in (_SIZE, _FILE_PARAMETERS):
            at, length = items.get(item, (_TABLE, 8))
            # What lies within the table has gone by before the table could be read.
            if at < _TABLE or length != 8:
                raise SafetyViolation("Image has a metadata item in an impossible place")
        if not self.has_region("vds") or not 0 < self.virtual_size <= _MAX_SIZE:
            raise SafetyViolation("Image has an impossible virtual size")
        if self.has_region("parameters"):
            block, flags = struct.unpack("<II", self.region("parameters").data)
            if flags & _HAS_PARENT:
                raise SafetyViolation("Image has a parent disk")
            if not 1 << 20 <= block <= 256 << 20 or block & (block - 1):
                raise SafetyViolation("Image has blocks of an impossible size")


def _entries(data: bytes | bytearray, first: int, count: int, place: str, what: str) -> dict[bytes, tuple[int, int]]:
    if count > _MAX_ENTRIES or len(data) < first + 32 * count:
        raise SafetyViolation(f"Image has a {what} table that is too large")
    entries: dict[bytes, tuple[int, int]] = {}
    for at in range(first, first + 32 * count, 32):
        name = bytes(data[at : at + 16])
        if name in entries:
            raise SafetyViolation(f"Image has the same {what} twice")
        offset, length = struct.unpack_from(place, data, at + 16)
        entries[name] = offset, length
    return entries


def _is_valid(header: bytes) -> bool:
    return header[:4] == b"head" and _crc32c(header[:4] + bytes(4) + header[8:]) == int.from_bytes(
        header[4:8], "little"
    )


def _crc32c(data: bytes) -> int:
    """The Castagnoli polynomial's, which the standard library lacks; for a header it is a millisecond, once."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC = tuple(map(_crc_of, range(256)))
