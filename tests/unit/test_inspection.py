"""What a stream of bytes is told to be, in whatever pieces it comes."""

import pytest
from api import disks

from glancelite.formats import Inspection, Verdict

FOREIGN = disks.descriptor("monolithicFlat", 'RW 20480 FLAT "/etc/passwd" 0')


def inspect(data: bytes, first: int = 1 << 20) -> Verdict:
    inspection = Inspection()
    for piece in (data[:first], data[first:]):
        if piece:
            inspection.feed(piece)
    return inspection.finish()


@pytest.mark.parametrize("first", [1, 4, 63, 64, 511, 512, 513, 1 << 20])
@pytest.mark.parametrize(
    ("data", "name", "is_safe"),
    [
        (FOREIGN, "vmdk", False),
        (disks.qcow2(backing="x"), "qcow2", False),
        (disks.qcow2(backing="x", length=120), "qcow2", False),
        (disks.qcow2(), "qcow2", True),
        (disks.vmdk(), "vmdk", True),
        (disks.vhdx(), "vhdx", True),
        (disks.iso(is_hybrid=True), "iso", True),
        (b"plain text\n" * 40, "raw", True),
        (b"x", "raw", True),
    ],
)
def test_pieces_do_not_matter(data: bytes, name: str, is_safe: bool, first: int) -> None:
    verdict = inspect(data, first)
    assert (verdict.name, verdict.unsafe is None) == (name, is_safe)
    assert verdict.virtual_size == inspect(data).virtual_size


def test_what_is_raw_is_as_large_as_its_bytes() -> None:
    assert inspect(b"abc").virtual_size == 3
    assert inspect(bytes(3 << 20), 5).virtual_size == 3 << 20


@pytest.mark.parametrize(
    ("formats", "declared", "fits"),
    [
        ((), "raw", True),
        (("qcow2",), "raw", True),
        (("qcow2",), "qcow2", True),
        (("qcow2",), "vmdk", False),
        ((), "qcow2", False),
        (("gpt", "iso"), "iso", True),
        (("gpt",), "iso", False),
        ((), "ami", True),
        (("vdi",), "ami", False),
    ],
)
def test_content_fits_what_it_is_called(formats: tuple[str, ...], declared: str, fits: bool) -> None:
    assert Verdict(formats, None, None).fits(declared) is fits
