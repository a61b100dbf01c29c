"""Bytes that are disk images of many kinds, as small as their headers allow; good ones and wicked ones."""

import struct

SECTOR = 512
MIB = 1 << 20
TIB = 1 << 40


def qcow2(
    *,
    version: int = 3,
    virtual_size: int = MIB,
    backing: str = "",
    incompatible: int = 0,
    length: int = 1024,
    cluster_bits: int = 16,
    l1_entries: int = 1,
    l1_at: int | None = None,
    refcount_clusters: int = 1,
    snapshots: int = 0,
    encryption: int = 0,
    refcount_order: int = 4,
    header_length: int = 104,
    compression: int = 0,
    extensions: tuple[tuple[int, bytes], ...] = (),
) -> bytes:
    """A qcow2 header whose tables lie beyond its end, so that all is zero; `backing` names a backing file."""
    name = backing.encode()
    told = b"".join(
        struct.pack(">II", kind, len(data)) + data.ljust(-(-len(data) // 8) * 8, b"\0") for kind, data in extensions
    )
    told += bytes(8) if told else b""
    start = (header_length if version > 2 else 72) + len(told)
    place = (max(start, 104), len(name)) if name else (0, 0)
    cluster = 1 << min(cluster_bits, 30)
    tables = (encryption, l1_entries, 3 * cluster if l1_at is None else l1_at, cluster, refcount_clusters, snapshots)
    header = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", version, *place, cluster_bits, virtual_size, *tables, 4 * cluster
    )
    if version > 2:
        header += struct.pack(">QQQII", incompatible, 0, 0, refcount_order, header_length)
        header += bytes([compression]).ljust(8, b"\0") if header_length == 112 else b""
    header += told
    return (header.ljust(104, b"\0") + name).ljust(length, b"\0")


def vmdk(
    *,
    kind: str = "monolithicSparse",
    extent: str = 'RW 2048 SPARSE "disk.vmdk"',
    parent: str = "ffffffff",
    more: str = "",
    magic: bytes = b"KDMV",
    sectors: int = MIB // SECTOR,
    grain: int = 128,
    entries: int = 512,
    descriptor_sectors: int = 20,
    footer_sectors: int | None = None,
) -> bytes:
    """A sparse VMDK: binary header, then its embedded descriptor; with `footer_sectors` a footer of that capacity."""

    def header(sectors: int, tables_at: int) -> bytes:
        values = (magic, 1, 3, sectors, grain, 1, descriptor_sectors, entries, 0, tables_at)
        return struct.pack("<4sIIQQQQIQQ", *values).ljust(SECTOR, b"\0")

    front = header(sectors, 21 if footer_sectors is None else (1 << 64) - 1) + descriptor(kind, extent, parent, more)
    data = front.ljust(40 * SECTOR, b"\0")
    if footer_sectors is not None:
        marker = struct.pack("<QII", 1, 0, 3).ljust(SECTOR, b"\0")
        data += marker + header(footer_sectors, 21) + bytes(SECTOR)
    return data


def descriptor(kind: str, extent: str, parent: str = "ffffffff", more: str = "") -> bytes:
    """The text that describes a VMDK; by itself it is one, too."""
    head = f"# Disk DescriptorFile\nversion=1\nCID=0b6fa1a3\nparentCID={parent}\n"
    return f'{head}{more}createType="{kind}"\n{extent}\n'.encode()


def vdi(
    virtual_size: int = MIB,
    *,
    kind: int = 1,
    length: int = 0x180,
    block: int = MIB,
    blocks: int | None = None,
    link: bytes = b"",
    parent: bytes = b"",
    version: int = 0x00010001,
) -> bytes:
    """A VDI's header; its block map lies beyond the end."""
    blocks = -(-virtual_size // MIB) if blocks is None else blocks
    header = bytearray(2 * SECTOR)
    struct.pack_into("<IIII", header, 0x40, 0xBEDA107F, version, length, kind)
    struct.pack_into("<II", header, 0x154, 0x200, 0x200 + -(-blocks * 4 // SECTOR) * SECTOR & 0xFFFFFFFF)
    struct.pack_into("<IIQIIII", header, 0x168, SECTOR, 0, virtual_size, block, 0, blocks, 0)
    header[0x1A8:0x1C8] = link.ljust(16, b"\0") + parent.ljust(16, b"\0")
    return bytes(header)


def vhd_footer(virtual_size: int, kind: int, header_at: int) -> bytes:
    footer = bytearray(SECTOR)
    struct.pack_into(">8sIIQ", footer, 0, b"conectix", 2, 0x10000, header_at)
    struct.pack_into(">QQ", footer, 40, virtual_size, virtual_size)
    struct.pack_into(">I", footer, 60, kind)
    struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFFFFFF)
    return bytes(footer)


def vhd(
    virtual_size: int = MIB,
    *,
    kind: int = 3,
    end_kind: int | None = None,
    header_at: int = SECTOR,
    blocks: int | None = None,
    block: int = 2 * MIB,
    parent_name: str = "",
    locator: bytes = b"",
    parent_id: bytes = b"",
) -> bytes:
    """A dynamic VHD: copy of the footer, header, a table of blocks that are not there, footer."""
    blocks = -(-virtual_size // block) if blocks is None and block else blocks or 0
    header = bytearray(1024)
    struct.pack_into(">8sQQIII", header, 0, b"cxsparse", (1 << 64) - 1, 1536, 0x10000, blocks, block)
    header[40:56] = parent_id.ljust(16, b"\0")
    header[64:576] = parent_name.encode("utf-16-be").ljust(512, b"\0")
    header[576:600] = locator.ljust(24, b"\0")
    struct.pack_into(">I", header, 36, ~sum(header) & 0xFFFFFFFF)
    start, end = (vhd_footer(virtual_size, one, header_at) for one in (kind, kind if end_kind is None else end_kind))
    return start + bytes(header) + b"\xff" * SECTOR + end


def fixed_vhd(content: bytes, kind: int = 2) -> bytes:
    """A raw disk and its footer."""
    return content + vhd_footer(len(content), kind, (1 << 64) - 1)


VHDX_PARAMETERS = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")
VHDX_SIZE = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
VHDX_PARENT = bytes.fromhex("2d5fd3a80bb34d45abf7d3d84834ab0c")


def vhdx(
    virtual_size: int = MIB,
    *,
    block: int = MIB,
    flags: int = 0,
    more: tuple[bytes, ...] = (),
    has_log: bool = False,
    items_at: int = 64 << 10,
    table_length: int = MIB,
    second_at: int = MIB,
) -> bytes:
    """Identifier, headers, region tables (at 192 and 256 KiB), and the metadata region (at 1 MiB) with its items."""
    data = bytearray(2 * MIB)
    data[:8] = b"vhdxfile"
    for at, number in ((64 << 10, 1), (128 << 10, 2)):
        struct.pack_into("<4sIQ", data, at, b"head", 0, number)
        data[at + 48 : at + 64] = bytes([has_log and number == 2] * 16)
        struct.pack_into("<I", data, at + 4, crc32c(bytes(data[at : at + 4096])))
    for at, place in ((192 << 10, MIB), (256 << 10, second_at)):
        struct.pack_into("<4sIII", data, at, b"regi", 0, 2, 0)
        struct.pack_into("<16sQII", data, at + 16, bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e"), place, MIB, 1)
        struct.pack_into(
            "<16sQII", data, at + 48, bytes.fromhex("6677c22d23f600429d64115e9bfd4a08"), 2 * MIB, table_length, 1
        )
    items = [(VHDX_PARAMETERS, struct.pack("<II", block, flags)), (VHDX_SIZE, struct.pack("<Q", virtual_size))]
    items += [(name, bytes(8)) for name in more]
    struct.pack_into("<8sHH", data, MIB, b"metadata", 0, len(items))
    for number, (name, value) in enumerate(items):
        struct.pack_into("<16sII", data, MIB + 32 + 32 * number, name, items_at + 8 * number, len(value))
        data[MIB + items_at + 8 * number : MIB + items_at + 8 * number + 8] = value
    return bytes(data)


def crc32c(data: bytes) -> int:
    """Bit by bit, of data in which it is zero itself."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


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
