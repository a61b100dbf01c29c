"""Writes a small qcow2 image, for hosts without qemu-img. Source of the layout: QEMU's docs/interop/qcow2.txt."""

import struct
from pathlib import Path
from typing import BinaryIO

CLUSTER = 1 << 16
_COPIED = 1 << 63


def write_qcow2(path: Path, virtual_size: int, data: bytes) -> None:
    """A version 2 image of `virtual_size` bytes that begins with `data` (up to 512 MiB) and is zero behind it.

    Clusters in order: header, refcount table, refcount block, L1 table, L2 table, data.
    """
    blocks = [data[at : at + CLUSTER].ljust(CLUSTER, b"\0") for at in range(0, len(data), CLUSTER)]
    used = 5 + len(blocks)
    l1_entries = max(-(-virtual_size // (CLUSTER * (CLUSTER // 8))), 1)
    header = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb", 2, 0, 0, 16, virtual_size, 0, l1_entries, 3 * CLUSTER, CLUSTER, 1, 0, 0,
    )  # fmt: skip
    with path.open("wb") as file:
        _put(file, 0, header)
        _put(file, 1, struct.pack(">Q", 2 * CLUSTER))
        _put(file, 2, struct.pack(f">{used}H", *[1] * used))
        _put(file, 3, struct.pack(">Q", 4 * CLUSTER | _COPIED))
        _put(file, 4, b"".join(struct.pack(">Q", (5 + n) * CLUSTER | _COPIED) for n in range(len(blocks))))
        for number, block in enumerate(blocks):
            _put(file, 5 + number, block)
        file.truncate(used * CLUSTER)


def _put(file: BinaryIO, cluster: int, content: bytes) -> None:
    file.seek(cluster * CLUSTER)
    file.write(content)
