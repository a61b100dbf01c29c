"""Unpacking on the way in: what honest programs pack, and what is packed to do harm."""

import bz2
import gzip
import io
import lzma
import os
import random
import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from api import disks
from unit.workpieces import MIB, Piece, plugin

from glancelite.errors import DecompressionFailed, GlanceliteError, Gone, ImageTooLarge

CONTENT = disks.qcow2(length=64 << 10) + random.Random(7).randbytes(MIB + 1) + bytes(2 * MIB) + b"end"


def zip_of(
    *contents: bytes, method: int = zipfile.ZIP_DEFLATED, is_streamed: bool = False, is_long: bool = False
) -> bytes:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    file = Pipe() if is_streamed else io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for number, content in enumerate(contents):
            with archive.open(f"../../disk-{number}", "w", force_zip64=is_long) as entry:
                entry.write(content)
    return file.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zip": zip_of,
}


def run(piece: Piece, **settings: object) -> Piece:
    settings = {f"image_decompression__{name}": value for name, value in settings.items()}
    plugin("image_decompression", **settings).run(piece)
    return piece


def refusal(piece: Piece, **settings: object) -> GlanceliteError:
    """How a piece is refused, of which then nothing has changed and nothing is left."""
    with pytest.raises(GlanceliteError) as caught:
        run(piece, **settings)
    assert piece.is_untouched()
    return caught.value


def content(piece: Piece) -> bytes:
    assert piece.size == piece.path.stat().st_size
    assert piece.files == [piece.path.name]
    return piece.path.read_bytes()


@pytest.mark.parametrize("disk_format", ["raw", "qcow2"])
@pytest.mark.parametrize("kind", PACKERS)
def test_what_was_packed_is_unpacked(tmp_path: Path, kind: str, disk_format: str) -> None:
    piece = run(Piece(tmp_path, PACKERS[kind](CONTENT), disk_format))
    assert content(piece) == CONTENT
    assert not piece.changes


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 64 << 10])
@pytest.mark.parametrize("kind", PACKERS)
def test_any_size_will_do(tmp_path: Path, kind: str, size: int) -> None:
    for number, data in enumerate((CONTENT[-size:] if size else b"", bytes(size))):
        home = tmp_path / str(number)
        home.mkdir()
        assert content(run(Piece(home, PACKERS[kind](data)))) == data


@pytest.mark.parametrize(
    "program", [pytest.param(one, marks=pytest.mark.needs(one)) for one in ("gzip", "xz", "bzip2")]
)
def test_the_programs_people_use_are_understood(tmp_path: Path, program: str) -> None:
    packed = subprocess.run([program, "-9", "-c"], input=CONTENT, check=True, capture_output=True).stdout
    assert content(run(Piece(tmp_path, packed))) == CONTENT


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_members_after_each_other_are_one_content(tmp_path: Path, kind: str) -> None:
    pack = PACKERS[kind]
    data = pack(b"one,") + pack(b"") + pack(b"two,") * 3000 + bytes(200 << 10) + pack(CONTENT) + bytes(512)
    assert content(run(Piece(tmp_path, data))) == b"one," + b"two," * 3000 + CONTENT


@pytest.mark.parametrize(
    "options",
    [{"method": zipfile.ZIP_STORED}, {"is_streamed": True}, {"is_long": True}, {"is_streamed": True, "is_long": True}],
)
def test_a_zip_is_understood_however_it_was_written(tmp_path: Path, options: dict[str, bool]) -> None:
    assert content(run(Piece(tmp_path, zip_of(CONTENT, **options)))) == CONTENT  # type: ignore[arg-type]


def test_it_unpacks_once(tmp_path: Path) -> None:
    inner = gzip.compress(CONTENT)
    assert content(run(Piece(tmp_path, gzip.compress(inner)))) == inner


@pytest.mark.parametrize(
    ("disk_format", "container_format", "data"),
    [
        ("qcow2", "bare", disks.qcow2()),
        ("raw", "bare", b""),
        ("raw", "bare", b"\x1f\x8b"),
        ("raw", "bare", b"BZh9 is how this text begins"),
        ("raw", "compressed", gzip.compress(CONTENT, mtime=0)),
        ("ari", "ari", gzip.compress(b"a ramdisk", mtime=0)),
        ("aki", "bare", lzma.compress(b"a kernel")),
    ],
    ids=["a disk", "nothing", "too short", "a text", "meant to be compressed", "a ramdisk", "a kernel"],
)
def test_what_is_not_packed_or_meant_to_be_is_left_alone(
    tmp_path: Path, disk_format: str, container_format: str, data: bytes
) -> None:
    assert run(Piece(tmp_path, data, disk_format, container_format=container_format)).is_untouched()


@pytest.mark.parametrize(
    ("kind", "head"), [("zstd", b"\x28\xb5\x2f\xfd"), ("lha", b"\x20\x00-lh5-")], ids=["zstd", "lha"]
)
def test_what_is_packed_in_a_way_it_does_not_know_is_not_taken_for_a_disk(
    tmp_path: Path, kind: str, head: bytes
) -> None:
    error = refusal(Piece(tmp_path, head + CONTENT))
    assert f"it is a file of {kind}, which is not unpacked here; gzip, xz, bzip2 and zip are" in str(error)


# Damage ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PACKERS)
def test_damage_is_noticed(tmp_path: Path, kind: str) -> None:
    packed = PACKERS[kind](CONTENT)
    middle = bytearray(packed)
    middle[len(packed) // 2] ^= 0xFF
    for number, data in enumerate(
        (packed[:-1], packed[: len(packed) // 2], packed[:20], bytes(middle), packed + b"garbage", packed + packed[:7])
    ):
        home = tmp_path / str(number)
        home.mkdir()
        error = refusal(Piece(home, data))
        assert isinstance(error, DecompressionFailed), number


def test_a_crc_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[-8] ^= 1
    assert str(refusal(Piece(tmp_path, bytes(packed)))).endswith("cannot be decompressed: it is damaged.")


def patched(data: bytes, **fields: int) -> bytes:
    """A zip with other values in the directory's entry."""
    places = {
        "flags": (8, "H"),
        "method": (10, "H"),
        "crc": (16, "I"),
        "packed": (20, "I"),
        "size": (24, "I"),
        "offset": (42, "I"),
    }
    changed, at = bytearray(data), data.rindex(b"PK\1\2")
    for name, value in fields.items():
        offset, kind = places[name]
        struct.pack_into(f"<{kind}", changed, at + offset, value)
    return bytes(changed)


def two_for_one() -> bytes:
    """A zip whose two entries are the same bytes: how small bombs grow large."""
    data = zip_of(CONTENT)
    at, end = data.rindex(b"PK\1\2"), data.rindex(b"PK\5\6")
    entry = data[at:end]
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2, 2, 2 * len(entry), at, 0)
    return data[:at] + entry + entry + tail


ZIP = zip_of(CONTENT)
WICKED: dict[str, tuple[bytes, str]] = {
    "two files": (zip_of(b"one", b"two"), "its zip has 2 files in it; one is expected"),
    "no file": (zip_of(), "its zip has 0 files in it; one is expected"),
    "overlapping files": (two_for_one(), "its zip has 2 files in it; one is expected"),
    "thousands of files": (zip_of(*[b""] * 9000), "its zip has more than one file in it"),
    "a hidden file": (zip_of(b"hidden")[: zip_of(b"hidden").rindex(b"PK\1\2")] + ZIP, "does not begin with its file"),
    "encrypted": (patched(ZIP, flags=1), "its zip is encrypted"),
    "LZMA within": (zip_of(CONTENT, method=zipfile.ZIP_LZMA), "compressed in a way that is not known here"),
    "a smaller size": (patched(ZIP, size=5), "it is damaged"),
    "a larger size": (patched(ZIP, size=len(CONTENT) + 1), "it is damaged"),
    "another crc": (patched(ZIP, crc=5), "it is damaged"),
    "shorter data": (patched(ZIP, packed=1000), "its zip has more in it than its directory tells, or less"),
    "longer data": (patched(ZIP, packed=1 << 30), "its zip has more in it than its directory tells, or less"),
    "a directory before it begins": (ZIP[:-10] + b"\xff\xff\xff\xf0" + ZIP[-6:], ""),
    "only a beginning": (ZIP[:4], "its zip is damaged"),
}


@pytest.mark.parametrize("what", WICKED)
def test_a_zip_that_is_not_one_whole_file_is_refused(tmp_path: Path, what: str) -> None:
    data, said = WICKED[what]
    error = refusal(Piece(tmp_path, data))
    assert isinstance(error, DecompressionFailed)
    assert said in str(error)


# Bombs ----------------------------------------------------------------------------------------------------------------


def zeros(kind: str, mebibytes: int) -> bytes:
    """So many MiB of zeros, packed without ever being whole in memory."""
    if kind == "zip":
        file = io.BytesIO()
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("disk", "w", force_zip64=True) as entry,
        ):
            for _ in range(mebibytes):
                entry.write(bytes(MIB))
        return file.getvalue()
    packer = {"gzip": lambda: zlib.compressobj(wbits=31), "xz": lzma.LZMACompressor, "bzip2": bz2.BZ2Compressor}[kind]()
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(mebibytes)), packer.flush()])


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_ends_at_the_cap(tmp_path: Path, kind: str) -> None:
    piece = Piece(tmp_path, zeros(kind, 40), cap=8 * MIB)
    written: list[int] = []
    piece.lose_when = lambda message: bool(written.append(sum(p.stat().st_size for p in piece.directory.iterdir())))
    assert isinstance(refusal(piece), ImageTooLarge)
    assert max(written) <= piece.cap + piece.size


@pytest.mark.parametrize(("kind", "is_refused"), [("gzip", False), ("zip", False), ("xz", True), ("bzip2", True)])
def test_what_grows_as_no_disk_in_use_does_is_refused(tmp_path: Path, kind: str, is_refused: bool) -> None:
    piece = Piece(tmp_path, zeros(kind, 80))
    if is_refused:
        assert "it grows to more than 1100 times its size" in str(refusal(piece))
    assert run(piece, max_ratio=0 if is_refused else 1100).size == 80 * MIB


def test_a_small_disk_that_is_empty_is_no_bomb(tmp_path: Path) -> None:
    assert run(Piece(tmp_path, zeros("bzip2", 64))).size == 64 * MIB


def test_xz_gets_no_more_memory_than_is_allowed(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 256 * MIB, "mf": lzma.MF_HC3, "nice_len": 3}]
    packed = lzma.compress(b"small", filters=filters)
    # Says that it needs a dictionary of 1.5 GB, and is all right otherwise.
    header = bytearray(packed[12:24])
    header[header.index(0x21) + 2] = 37
    header[8:12] = struct.pack("<I", zlib.crc32(header[:8]))
    greedy = packed[:12] + bytes(header) + packed[24:]
    for number, data in enumerate((packed, greedy)):
        home = tmp_path / str(number)
        home.mkdir()
        assert "it takes more memory than is allowed" in str(refusal(Piece(home, data)))


def test_a_gigabyte_of_zeros_is_unpacked_in_bounded_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(zeros("gzip", 64) * 16)
    code = f"""
import resource
from pathlib import Path
from unit.workpieces import MIB, Piece, plugin
from glancelite.errors import ImageTooLarge
from glancelite import archives
piece = Piece(Path({str(tmp_path)!r}), Path({str(tmp_path / "bomb")!r}), cap=100 * MIB)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    plugin("image_decompression").run(piece)
except ImageTooLarge:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, piece.files)
"""
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    grown, files = done.stdout.split(maxsplit=1)
    assert int(grown) < 16 << 10
    assert files == "['staged']\n"


def test_work_that_is_lost_stops_at_once(tmp_path: Path) -> None:
    piece = Piece(tmp_path, zeros("gzip", 64))
    piece.lose_when = lambda message: message.startswith("Decompressing gzip")
    with pytest.raises(Gone):
        run(piece)
    assert piece.is_untouched()


def test_a_full_disk_has_its_sentence(tmp_path: Path) -> None:
    piece = Piece(tmp_path, zeros("gzip", 8))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MIB, hard))
        assert "its file cannot be used at the moment" in str(refusal(piece))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
