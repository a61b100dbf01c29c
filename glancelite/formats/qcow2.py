"""qcow2: beyond what the library asks of it, its tables are no larger than QEMU takes, and its header hides nothing.

The limits are those of QEMU's block/qcow2.c; the layout is that of its docs/interop/qcow2.txt.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from oslo_utils.imageutils.format_inspector import CaptureRegion, QcowInspector, SafetyCheck, SafetyViolation

_CLUSTER_BITS = range(9, 22)
_MAX_L1 = 32 << 20
_MAX_REFCOUNTS = 8 << 20
_MAX_SNAPSHOTS = 65536
_SNAPSHOT = 40
_MAX_FRONT = 64 << 10
"""Where extensions must have ended: there are a few hundred bytes of them."""

_V2_LENGTH, _V3_LENGTH = 72, 104
_COMPRESSION = 1 << 3
_ZLIB, _ZSTD = 0, 1
_UNENCRYPTED, _LUKS = 0, 2

_END = 0
_BACKING_FORMAT = 0xE2792ACA
_DATA_FILE = 0x44415441
_CRYPTO_HEADER = 0x0537BE77


class _Header(NamedTuple):
    version: int
    cluster_bits: int
    size: int
    encryption: int
    l1_entries: int
    l1_at: int
    refcounts_at: int
    refcount_clusters: int
    snapshots: int
    snapshots_at: int


class Qcow2(QcowInspector):
    """The library's inspector and three checks more."""

    def _initialize(self) -> None:
        super()._initialize()
        self.new_region("front", CaptureRegion(0, _MAX_FRONT, min_length=512))
        self.add_safety_check(SafetyCheck("tables", self._check_tables))
        self.add_safety_check(SafetyCheck("version_3", self._check_version_3))
        self.add_safety_check(SafetyCheck("extensions", self._check_extensions))

    def _read(self) -> _Header:
        front = self.region("front").data
        return _Header(*struct.unpack_from(">I", front, 4), *struct.unpack_from(">IQIIQQIIQ", front, 20))

    def _check_tables(self) -> None:
        header = self._read()
        if header.cluster_bits not in _CLUSTER_BITS:
            raise SafetyViolation("Image has clusters of an impossible size")
        if header.size >= 1 << 63:
            raise SafetyViolation("Image has an impossible virtual size")
        cluster = 1 << header.cluster_bits
        tables = (
            ("level 1 table", header.l1_at, header.l1_entries * 8, _MAX_L1),
            ("refcount table", header.refcounts_at, header.refcount_clusters * cluster, _MAX_REFCOUNTS),
            ("snapshot table", header.snapshots_at, header.snapshots * _SNAPSHOT, _MAX_SNAPSHOTS * _SNAPSHOT),
        )
        for name, at, length, most in tables:
            if length > most:
                raise SafetyViolation(f"Image has a {name} that is too large")
            if length and (at % cluster or at + length >= 1 << 63):
                raise SafetyViolation(f"Image has a {name} in an impossible place")
        # An entry stands for a level 2 table, which is a cluster of 8 byte entries that stand for a cluster each.
        if header.l1_entries * (cluster // 8) * cluster < header.size:
            raise SafetyViolation("Image has a level 1 table that is too small for its virtual size")

    def _check_version_3(self) -> None:
        header = self._read()
        if header.version == 2:
            return
        front = self.region("front").data
        features, _, _, refcount_order, length = struct.unpack_from(">QQQII", front, 72)
        if not _V3_LENGTH <= length <= _first_cluster(header):
            raise SafetyViolation("Image has a header of an impossible length")
        if refcount_order > 6:
            raise SafetyViolation("Image has refcounts of an impossible width")
        compression = front[_V3_LENGTH] if length > _V3_LENGTH else _ZLIB
        if compression not in (_ZLIB, _ZSTD) or (compression != _ZLIB) != bool(features & _COMPRESSION):
            raise SafetyViolation("Image is compressed in an unknown way")

    def _check_extensions(self) -> None:
        extensions = dict(self._extensions())
        if _BACKING_FORMAT in extensions:
            raise SafetyViolation("Image names the format of a backing file")
        if _DATA_FILE in extensions:
            raise SafetyViolation("Image names an external data file")
        # LUKS reads nothing but the image and opens for nobody without its passphrase; the older AES is broken, and
        # hypervisors no longer take it.
        encryption = self._read().encryption
        if encryption not in (_UNENCRYPTED, _LUKS):
            raise SafetyViolation("Image is encrypted in a way that is no longer supported")
        if (encryption == _LUKS) != (extensions.get(_CRYPTO_HEADER) is not None):
            raise SafetyViolation("Image is encrypted without the header that belongs to it, or has it for nothing")

    def _extensions(self) -> Iterator[tuple[int, int]]:
        """Magic and length of each; they follow the header and end with the first cluster, or before."""
        header, front = self._read(), self.region("front").data
        at = _V2_LENGTH if header.version == 2 else int.from_bytes(front[100:104], "big")
        end = _first_cluster(header)
        while at + 8 <= min(end, len(front)):
            kind, length = struct.unpack_from(">II", front, at)
            if kind == _END:
                return
            at += 8 + -(-length // 8) * 8
            if at > end:
                break
            yield kind, length
        if at > end or at + 8 > _MAX_FRONT:
            raise SafetyViolation("Image has header extensions that do not end")


def _first_cluster(header: _Header) -> int:
    """Its length, as far as it is looked at."""
    return min(1 << min(header.cluster_bits, max(_CLUSTER_BITS)), _MAX_FRONT)
