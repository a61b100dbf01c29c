"""What each format may not say in its headers; and that headers made to break their reader break nothing."""

import random
import struct
import subprocess
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from api import disks
from api.disks import MIB, SECTOR, TIB
from api.wicked import HONEST, LATE, WICKED

from glancelite.formats import Inspection, Verdict


def inspect(data: bytes, first: int = MIB) -> Verdict:
    inspection = Inspection()
    for piece in (data[:first], data[first:]):
        if piece:
            inspection.feed(piece)
    return inspection.finish()


@pytest.mark.parametrize("what", HONEST)
def test_what_is_honest_passes(what: str) -> None:
    verdict = inspect(HONEST[what])
    assert (verdict.name, verdict.unsafe) == (what.partition(",")[0], None)


@pytest.mark.parametrize("what", WICKED)
@pytest.mark.parametrize("first", [MIB, 600])
def test_what_is_wicked_is_refused_with_its_reason(what: str, first: int) -> None:
    data, reason = WICKED[what]
    verdict = inspect(data, first)
    assert verdict.name == what.partition(":")[0]
    assert (reason or "") in (verdict.unsafe or "SAFE")
    assert "SAFE" not in (verdict.unsafe or "SAFE")
    assert "Unexpected error" not in (verdict.unsafe or "")


def test_two_formats_at_once_are_refused_wherever_they_hide() -> None:
    volume = disks.iso(40)
    for front in (
        disks.qcow2(),
        disks.vmdk(),
        disks.vmdk(magic=b"COWD"),
        disks.vdi(),
        disks.vhd(),
        disks.vhdx()[: 32 << 10],
        disks.qed(),
        disks.descriptor("monolithicFlat", 'RW 1 FLAT "a" 0'),
        b"# x\nversion=1\n",
        b"LUKS\xba\xbe\0\1".ljust(600, b"\0"),
    ):
        unsafe = inspect(front + volume[len(front) :]).unsafe
        assert unsafe and "several formats at once" in unsafe


def test_a_footer_makes_a_raw_disk_a_fixed_vhd_and_nothing_else_of_it() -> None:
    assert inspect(disks.fixed_vhd(bytes(MIB))) == Verdict(("vhd",), MIB, None)
    assert inspect(disks.fixed_vhd(disks.gpt())) == Verdict(("gpt", "vhd"), 2048, None)
    assert inspect(disks.fixed_vhd(bytes(MIB)), 7).formats == ("vhd",)
    for kind in (3, 4):
        assert inspect(disks.fixed_vhd(bytes(MIB), kind)) == Verdict((), MIB + SECTOR, None)
    assert inspect(disks.fixed_vhd(bytes(MIB))[SECTOR:]).formats == ()
    assert inspect(disks.fixed_vhd(bytes(MIB))[:-1] + b"\1").formats == ()
    assert inspect(disks.fixed_vhd(disks.qcow2())).name == "qcow2"
    hidden = inspect(disks.fixed_vhd(disks.qcow2(backing="/etc/passwd"))).unsafe
    assert hidden and "backing file" in hidden


def test_a_vhd_that_was_resized_is_as_large_as_it_is_now() -> None:
    data = bytearray(disks.vhd(MIB))
    for at in (40, len(data) - SECTOR + 40):
        struct.pack_into(">Q", data, at, 4096)
    assert inspect(bytes(data)) == Verdict(("vhd",), MIB, None)


def test_only_the_header_in_force_tells_of_a_log() -> None:
    stale = bytearray(disks.vhdx(has_log=True))
    struct.pack_into("<IQ", stale, (128 << 10) + 4, 0, 0)
    struct.pack_into("<I", stale, (128 << 10) + 4, disks.crc32c(bytes(stale[128 << 10 : 132 << 10])))
    assert inspect(bytes(stale)).unsafe is None
    hidden = bytearray(disks.vhdx(has_log=True))
    struct.pack_into("<Q", hidden, (64 << 10) + 8, 99)  # its checksum is wrong now
    assert inspect(bytes(hidden)).unsafe


def test_texts_that_describe_no_disk_stay_raw() -> None:
    for text in (b"#!/bin/sh\necho version=1\n", b"#cloud-config\n" * 50 + b"\xc3\xa9", b"a" * 600 + bytes(range(256))):
        assert inspect(text * 3) == Verdict((), 3 * len(text), None)


@pytest.mark.parametrize("what", HONEST)
def test_broken_headers_break_nothing(what: str) -> None:
    dice = random.Random(what)
    data = HONEST[what]
    # Where the headers are; the rest is padding.
    spots = [at for at in range(0, len(data), 8) if any(data[at : at + 8])][:600]
    began = time.monotonic()
    for _ in range(60):
        broken = bytearray(data)
        for _ in range(dice.choice((1, 2, 20))):
            at = dice.choice(spots) + dice.randrange(8)
            broken[at : at + 1] = dice.choice((b"\0", b"\xff", b"\x7f", dice.randbytes(1)))
        cut = dice.choice((len(broken), dice.randrange(len(broken)), min(dice.choice(spots) + 5, len(broken))))
        verdict = inspect(bytes(broken[:cut]), dice.randrange(1, len(broken)))
        assert verdict.unsafe is None or verdict.formats
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "data",
    [
        disks.vmdk(descriptor_sectors=1 << 31),
        disks.vmdk(kind="streamOptimized", descriptor_sectors=1 << 50, footer_sectors=1),
        disks.qcow2(l1_entries=(1 << 32) - 1, cluster_bits=0xFFFFFFFF, snapshots=(1 << 32) - 1),
        disks.vhdx(table_length=(1 << 32) - 1),
        disks.vdi(blocks=(1 << 32) - 1),
        disks.vhd(blocks=(1 << 32) - 1),
        disks.descriptor("monolithicFlat", "#" * MIB),
        b"#\n" * MIB,
        b" " * MIB,
        bytes(1),
    ],
)
def test_memory_and_time_are_bounded_whatever_is_claimed(data: bytes) -> None:
    block = memoryview(bytes(512 << 10))
    tracemalloc.start()
    began = time.monotonic()
    inspection = Inspection()
    for at in range(0, len(data), len(block)):
        inspection.feed(memoryview(data)[at : at + len(block)])
    for _ in range(64):
        inspection.feed(block)
    kept, peak = tracemalloc.get_traced_memory()
    inspection.finish()
    tracemalloc.stop()
    assert kept < 3 * MIB
    assert peak < 8 * MIB
    assert time.monotonic() - began < 10


QEMU = [
    ("qcow2", "compat=0.10", 4 * MIB),
    ("qcow2", "compat=0.10,cluster_size=512", 4 * MIB),
    ("qcow2", "cluster_size=512", 4 * MIB),
    ("qcow2", "cluster_size=2M", 4 * MIB),
    ("qcow2", "cluster_size=2M", 64 * TIB),
    ("qcow2", "lazy_refcounts=on", 4 * MIB),
    ("qcow2", "refcount_bits=1", 4 * MIB),
    ("qcow2", "refcount_bits=64", 4 * MIB),
    ("qcow2", "compression_type=zlib", 4 * MIB),
    ("qcow2", "compression_type=zstd", 4 * MIB),
    ("qcow2", "preallocation=metadata", 40 * MIB),
    ("qcow2", "preallocation=full", 4 * MIB),
    ("qcow2", "", 2 * TIB),
    ("qcow2", "", 0),
    ("vmdk", "subformat=monolithicSparse", 4 * MIB),
    ("vmdk", "subformat=monolithicSparse,compat6=on,adapter_type=lsilogic", 4 * MIB),
    ("vmdk", "subformat=monolithicSparse", 2 * TIB),
    ("vmdk", "subformat=streamOptimized", 4 * MIB),
    ("vpc", "subformat=dynamic", 4 * MIB),
    ("vpc", "subformat=dynamic,force_size=on", 4 * MIB),
    ("vpc", "subformat=dynamic,force_size=on", 2040 << 30),
    ("vpc", "subformat=fixed", 4 * MIB),
    ("vpc", "subformat=fixed,force_size=on", 4 * MIB),
    ("vhdx", "subformat=dynamic", 4 * MIB),
    ("vhdx", "subformat=fixed", 4 * MIB),
    ("vhdx", "subformat=dynamic,block_size=1M", 4 * MIB),
    ("vhdx", "subformat=dynamic", 2 * TIB),
    ("vdi", "", 4 * MIB),
    ("vdi", "static=on", 4 * MIB),
    ("vdi", "", 2 * TIB),
]
NAMES = {"vpc": "vhd"}


def qemu(*words: str) -> str:
    return subprocess.run(["qemu-img", *words], check=True, capture_output=True, text=True).stdout


def created(disk: Path, kind: str, options: str, size: int) -> Path:
    qemu("create", "-q", "-f", kind, *(["-o", options] if options else []), str(disk), str(size))
    return disk


def encrypted(disk: Path) -> Path:
    """A qcow2 within LUKS. qemu-img measures how quick its derivation of keys is, and gives up now and then where the
    kernel's clock of processor time has not moved on."""
    options = "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10"
    words = ("create", "-q", "-f", "qcow2", "--object", "secret,id=key,data=secret", "-o", options, str(disk), "4M")
    for _ in range(20):
        with suppress(subprocess.CalledProcessError):
            qemu(*words)
            break
    return disk


def inspect_file(path: Path) -> Verdict:
    inspection = Inspection()
    with path.open("rb") as file:
        while block := file.read(512 << 10):
            inspection.feed(block)
    return inspection.finish()


def size_told(disk: Path, kind: str) -> int:
    line = next(one for one in qemu("info", "-f", kind, str(disk)).splitlines() if one.startswith("virtual size"))
    return int(line.split("(")[1].split()[0])


@pytest.mark.needs("qemu-img")
@pytest.mark.parametrize(("kind", "options", "size"), QEMU)
def test_what_qemu_makes_passes_with_its_size(tmp_path: Path, kind: str, options: str, size: int) -> None:
    disk = created(tmp_path / "disk", kind, options, size)
    verdict = inspect_file(disk)
    assert (verdict.name, verdict.unsafe) == (NAMES.get(kind, kind), None)
    assert (verdict.virtual_size or 0) == size_told(disk, kind)


@pytest.mark.needs("qemu-img")
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("qcow2", []),
        ("qcow2", ["-c"]),
        ("qcow2", ["-c", "-o", "compression_type=zstd"]),
        ("vmdk", []),
        ("vmdk", ["-o", "subformat=streamOptimized"]),
        ("vpc", []),
        ("vpc", ["-o", "subformat=fixed"]),
        ("vhdx", []),
        ("vdi", []),
    ],
)
def test_what_qemu_converts_passes(tmp_path: Path, kind: str, words: list[str]) -> None:
    (tmp_path / "raw").write_bytes(random.Random(kind).randbytes(3 * MIB) + bytes(5 * MIB))
    qemu("convert", "-f", "raw", "-O", kind, *words, str(tmp_path / "raw"), str(tmp_path / "disk"))
    verdict = inspect_file(tmp_path / "disk")
    assert (verdict.name, verdict.unsafe) == (NAMES.get(kind, kind), None)
    assert verdict.virtual_size == size_told(tmp_path / "disk", kind)


@pytest.mark.needs("qemu-img")
def test_a_qcow2_passes_with_snapshots_resized_in_luks_and_once_flattened(tmp_path: Path) -> None:
    disk = created(tmp_path / "disk", "qcow2", "", 4 * MIB)
    for name in ("one", "two"):
        qemu("snapshot", "-c", name, str(disk))
    qemu("bitmap", "--add", str(disk), "changes")
    qemu("resize", "-q", str(disk), "1T")
    assert inspect_file(disk) == Verdict(("qcow2",), TIB, None)
    assert inspect_file(encrypted(tmp_path / "luks")) == Verdict(("qcow2",), 4 * MIB, None)
    flat = created(tmp_path / "flat", "qcow2", f"backing_file={disk},backing_fmt=qcow2", 4 * MIB)
    assert inspect_file(flat).unsafe
    qemu("rebase", "-b", "", str(flat))
    assert inspect_file(flat) == Verdict(("qcow2",), 4 * MIB, None)


@pytest.mark.needs("qemu-img")
@pytest.mark.parametrize("subformat", ["monolithicSparse", "streamOptimized"])
def test_a_vmdk_upon_another_is_refused(tmp_path: Path, subformat: str) -> None:
    base = created(tmp_path / "base", "vmdk", "", 4 * MIB)
    child = created(tmp_path / "child", "vmdk", f"subformat={subformat},backing_file={base},backing_fmt=vmdk", 4 * MIB)
    verdict = inspect_file(child)
    assert "parent disk" in (verdict.unsafe or "")


@pytest.mark.needs("qemu-img")
@pytest.mark.parametrize(
    ("kind", "find", "patch"),
    [
        ("vpc", 60, b"\0\0\0\4"),
        ("vpc", 512 + 64, "base".encode("utf-16-be")),
        ("vpc", 512 + 576, b"W2ku"),
        ("vhdx", (3 << 20) + (64 << 10) + 4, b"\2"),
        ("vdi", 0x4C, b"\4"),
        ("vdi", 0x1A8, b"\1" * 16),
        ("vdi", 0x1B8, b"\1" * 16),
    ],
)
def test_what_qemu_makes_is_refused_once_it_has_a_parent(tmp_path: Path, kind: str, find: int, patch: bytes) -> None:
    disk = created(tmp_path / "disk", kind, "", 4 * MIB)
    with disk.open("r+b") as file:
        file.seek(find)
        file.write(patch)
    assert "parent disk" in (inspect_file(disk).unsafe or "")


@pytest.mark.needs("qemu-img")
@pytest.mark.parametrize(
    "data",
    [
        b"#\x01\xff\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=XmonolithicFlat\"\nRW 8 FLAT \"other\" 0\n",
        disks.vmdk(sectors=0, more='createType=XmonolithicFlat"\n', extent='RW 8 FLAT "other" 0'),
        disks.vmdk(descriptor_sectors=1, extent=LATE.replace('"b"', '"other"')),
    ],
)  # fmt: skip
def test_disguises_that_qemu_falls_for_are_seen_through(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "other").write_bytes(bytes(4096))
    (tmp_path / "disk").write_bytes(data)
    told = qemu("info", str(tmp_path / "disk"))
    assert "file format: vmdk" in told
    assert "other" in told
    assert inspect(data).unsafe
