"""Bytes that are disk images of many kinds, as small as their headers allow; good ones and wicked ones."""

import struct

SECTOR = 512
MIB = 1 << 20


def qcow2(
    *, version: int = 3, virtual_size: int = MIB, backing: str = "", incompatible: int = 0, length: int = 1024
) -> bytes:
    """A qcow2 header whose tables lie beyond its end, so that all is zero; `backing` names a backing file."""
    name = backing.encode()
    tables = (0, 1, 0x30000, 0x10000, 1, 0, 0)
    place = (104, len(name)) if name else (0, 0)
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, *place, 16, virtual_size, *tables)
    features = struct.pack(">QQQII", incompatible, 0, 0, 4, 104) if version > 2 else b"\0" * 32
    return (header + features + name).ljust(length, b"\0")


def vmdk(*, kind: str = "monolithicSparse", extent: str = 'RW 2048 SPARSE "disk.vmdk"') -> bytes:
    """A sparse VMDK: binary header, then its embedded descriptor."""
    header = struct.pack("<4sIIQQQQIQQ", b"KDMV", 1, 3, MIB // SECTOR, 128, 1, 20, 512, 0, 21)
    return (header.ljust(SECTOR, b"\0") + descriptor(kind, extent)).ljust(40 * SECTOR, b"\0")


def descriptor(kind: str, extent: str) -> bytes:
    """The text that describes a VMDK; by itself it is one, too."""
    return (
        f'# Disk DescriptorFile\nversion=1\nCID=0b6fa1a3\nparentCID=ffffffff\ncreateType="{kind}"\n{extent}\n'.encode()
    )


def vdi(virtual_size: int = MIB) -> bytes:
    header = bytearray(SECTOR)
    struct.pack_into("<I", header, 0x40, 0xBEDA107F)
    struct.pack_into("<Q", header, 0x170, virtual_size)
    return bytes(header)


def vhd(virtual_size: int = MIB) -> bytes:
    header = bytearray(SECTOR)
    header[:8] = b"conectix"
    struct.pack_into(">Q", header, 40, virtual_size)
    return bytes(header)


def vhdx(virtual_size: int = MIB) -> bytes:
    """Identifier, region table (at 192 KiB) with the metadata region (at 1 MiB), whose one item is the size."""
    data = bytearray(2 * MIB)
    data[:8] = b"vhdxfile"
    struct.pack_into("<4sIII", data, 192 << 10, b"regi", 0, 1, 0)
    data[(192 << 10) + 16 : (192 << 10) + 32] = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
    struct.pack_into("<QII", data, (192 << 10) + 32, MIB, 64 << 10, 1)
    struct.pack_into("<8sHH", data, MIB, b"metadata", 0, 1)
    data[MIB + 32 : MIB + 48] = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
    struct.pack_into("<III", data, MIB + 48, 64 << 10, 8, 0)
    struct.pack_into("<Q", data, MIB + (64 << 10), virtual_size)
    return bytes(data)


def iso(blocks: int = 20, *, is_hybrid: bool = False) -> bytes:
    """An ISO 9660 volume; a hybrid one carries a partition table, too."""
    data = bytearray(blocks * 2048)
    data[: 32 << 10] = gpt().ljust(32 << 10, b"\0") if is_hybrid else bytes(32 << 10)
    data[32 << 10 : (32 << 10) + 7] = b"\x01CD001\x01"
    struct.pack_into("<L", data, (32 << 10) + 80, blocks)
    struct.pack_into("<H", data, (32 << 10) + 128, 2048)
    return bytes(data)


def gpt(*, boot_flag: int = 0, kind: int = 0xEE) -> bytes:
    """A protective MBR with one partition."""
    mbr = bytearray(SECTOR)
    struct.pack_into("<B3BB3BII", mbr, 446, boot_flag, 0, 2, 0, kind, 0, 0, 0, 1, 2047)
    mbr[510:] = b"\x55\xaa"
    return bytes(mbr) + bytes(3 * SECTOR)


def qed() -> bytes:
    return b"QED\0".ljust(1024, b"\0")
