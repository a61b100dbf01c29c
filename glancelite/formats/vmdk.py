"""VMDK: one file that holds all of its disk. Whatever a hypervisor would read as the description of other files is
refused, however it is disguised.

The library lets through monolithicSparse and streamOptimized by name; here it is made sure that the name is the one
that is read, and that nothing stands beside it. Source of how it is read: QEMU's block/vmdk.c.
"""

import re
import struct

from oslo_utils.imageutils.format_inspector import CaptureRegion, SafetyCheck, SafetyViolation, VMDKInspector

_SPARSE, _OLD = b"KDMV", b"COWD"
_SECTOR = 512
_MAX_FRONT = 64 << 10
"""Where the descriptor must have ended; writers give it 10 KiB."""
_MAX_GRAIN = 0x200000
_MAX_ENTRIES = 512
_MAX_TABLES = 4 << 20

_DESCRIPTION = re.compile(
    rb"(?:#[^\n]*\n|[ \t]*\r?\n)*+version[ \t]*=[ \t]*[123][ \t]*\r?\n|# disk descriptorfile", re.I
)
"""What makes QEMU take a text for a VMDK, and a little more."""
_TEXT = re.compile(rb"[\t-\r\x1c-\x7e]+")
_NO_PARENT = re.compile(r'^parentcid="?ffffffff"?\s*$', re.M)
_EXTENT = re.compile(r"(rw|rdonly|noaccess)\s")
_ITSELF = re.compile(r'(?:rw|rdonly) \d+ sparse "[^"/\\:]+"(?: 0)?')


class Vmdk(VMDKInspector):
    """The library's inspector, which trusts the descriptor's length and the first of what it finds in it."""

    def _initialize(self) -> None:
        super()._initialize()
        self.new_region("front", CaptureRegion(0, _MAX_FRONT, min_length=4))
        self.add_safety_check(SafetyCheck("kind", self._check_kind))
        self.add_safety_check(SafetyCheck("tables", self._check_tables))
        self.add_safety_check(SafetyCheck("references", self._check_references))

    @property
    def format_match(self) -> bool:
        front = bytes(self.region("front").data)
        return front.startswith((_SPARSE, _OLD)) or _describes(front)

    def _check_kind(self) -> None:
        front = self.region("front").data
        if front.startswith(_OLD):
            raise SafetyViolation("Image is of an old kind of VMDK")
        if not front.startswith(_SPARSE):
            raise SafetyViolation("Image is but the description of a disk")

    def _check_tables(self) -> None:
        front = self.region("front").data
        if not front.startswith(_SPARSE):
            return
        capacity, grain, _, length, entries = struct.unpack_from("<QQQQI", front, 12)
        if not 0 < capacity < 1 << 54:
            # Without a capacity the descriptor's extents are the disk.
            raise SafetyViolation("Image has an impossible virtual size")
        if not 0 < grain <= _MAX_GRAIN or not 0 < entries <= _MAX_ENTRIES:
            raise SafetyViolation("Image has grains or tables of an impossible size")
        if capacity > grain * entries * _MAX_TABLES:
            raise SafetyViolation("Image has a grain directory that is too large")
        if not 0 < length <= _MAX_FRONT // _SECTOR - 1:
            raise SafetyViolation("Image has a descriptor of an impossible length")
        if self.has_region("footer"):
            footer = self.region("footer").data[_SECTOR : 2 * _SECTOR]
            if footer[12:48] != front[12:48]:
                raise SafetyViolation("Image has a footer that differs from its header")

    def _check_references(self) -> None:
        front = self.region("front").data
        if not front.startswith(_SPARSE):
            return
        text, end, _ = front[_SECTOR:].partition(b"\0")
        length = int.from_bytes(front[36:44], "little") * _SECTOR
        if len(text) > length or (not end and len(front) == _MAX_FRONT):
            raise SafetyViolation("Image has a descriptor that does not end where it should")
        _check_text(text.decode("latin-1").lower())


def _check_text(text: str) -> None:
    # Readers look for these words wherever they stand, a comment included.
    if text.count("createtype") != 1:
        raise SafetyViolation("Image does not say once what kind of VMDK it is")
    if "parentfilenamehint" in text or len(_NO_PARENT.findall(text)) != text.count("parentcid"):
        raise SafetyViolation("Image has a parent disk")
    lines = [line.strip() for line in text.split("\n")]
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() == "ddb.uuid.parent" and value.strip(' "0-'):
            raise SafetyViolation("Image has a parent disk")
    extents = [line for line in lines if _EXTENT.match(line)]
    if len(extents) > 1:
        raise SafetyViolation("Image has several extents")
    if extents and not _ITSELF.fullmatch(extents[0]):
        raise SafetyViolation("Image has an extent that is not in it")


def _describes(front: bytes) -> bool:
    """Would it be taken for the text that describes a VMDK?"""
    if _DESCRIPTION.match(front):
        return True
    first = front[:_SECTOR]
    return _TEXT.fullmatch(first) is not None and b"createtype" in front.partition(b"\0")[0].lower()
