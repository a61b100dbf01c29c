"""`--decompress`: images are published compressed, and are of use only as what is in them."""

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.conftest import Run

DISK = b"what a disk may have in it, " * 100_000


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("disk.img", data)
    return file.getvalue()


KINDS = {
    "gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress, "zip": zipped,
    "gzip of two members": lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:]),
}  # fmt: skip


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return tmp_path / "disk.packed"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_a_file_becomes_the_image(glancelite: Run, name: str, packed: Path, kind: str) -> None:
    data = bytes(1 << 20) + DISK
    packed.write_bytes(KINDS[kind](data))
    checksum = f"sha256:{hashlib.sha256(data).hexdigest()}"

    done = glancelite("image", "create", name, "--file", packed, "--decompress", "--checksum", checksum, "-f", "json")

    assert done.code == 0, done.err
    assert (done.json["status"], done.json["size"]) == ("active", len(data))
    assert done.json["properties"]["os_hash_value"] == hashlib.sha512(data).hexdigest()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "zip"])
def test_a_pipe_is_decompressed_as_it_comes(glancelite: Run, name: str, tmp_path: Path, kind: str) -> None:
    image = glancelite("image", "create", name, "-f", "value", "-c", "id").out.strip()

    done = glancelite("image", "upload", image, "--decompress", stdin=KINDS[kind](DISK))

    assert (done.code, done.out) == (0, ""), done.err
    glancelite("image", "save", image, "--file", "copy.img")
    assert (tmp_path / "copy.img").read_bytes() == DISK


def test_the_format_is_that_of_what_is_in_it(glancelite: Run, name: str, packed: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.iso"
    plain.write_bytes(bytes(0x8000) + b"\x01CD001\x01\x00" + bytes(40_000))
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    done = glancelite("image", "create", name, "--file", packed, "--decompress", "-f", "value", "-c", "disk_format")

    assert (done.code, done.out) == (0, "iso\n"), done.err


def test_damage_leaves_no_image(glancelite: Run, name: str, packed: Path) -> None:
    whole = gzip.compress(bytes(5 << 20) + DISK, mtime=0)
    packed.write_bytes(whole[:-8] + bytes(8))

    done = glancelite("image", "create", name, "--file", packed, "--decompress")

    assert (done.code, "it is damaged. The image was deleted again." in done.err) == (1, True), done.err
    assert glancelite("image", "list", "--name", name, "-f", "value").out == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DISK, "Error: The data is not compressed, as far as is known here: leave --decompress out.\n"),
        (gzip.compress(b""), "Error: There is nothing in the gzip data.\n"),
        (gzip.compress(DISK)[:40], "Error: Cannot decompress: it ends too early.\n"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "Error: Cannot decompress: it is a file of zstd, which is not unpacked here; "
         "gzip, xz, bzip2 and zip are.\n"),
    ],
    ids=["plain", "nothing", "cut", "zstd"],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_before_there_is_an_image(
    glancelite: Run, name: str, packed: Path, data: bytes, said: str
) -> None:
    packed.write_bytes(data)

    done = glancelite("image", "create", name, "--file", packed, "--decompress")

    assert (done.code, done.err) == (1, said)
    assert glancelite("image", "list", "--name", name, "-f", "value").out == ""


def test_a_zip_in_a_pipe_is_refused_and_so_are_options_that_do_not_go_with_it(glancelite: Run, name: str) -> None:
    done = glancelite("image", "create", name, "--decompress", stdin=zipped(DISK))
    assert (done.code, "from --file only" in done.err) == (1, True), done.err
    sized = glancelite("image", "create", name, "--decompress", "--size", "5", stdin=b"12345")
    assert (sized.code, "--decompress finds out" in sized.err) == (2, True), sized.err
    fetched = glancelite("image", "create", name, "--decompress", "--uri", "http://127.0.0.1:9/x.gz")
    assert (fetched.code, "--decompress go with data from here" in fetched.err) == (2, True), fetched.err
    nothing = glancelite("image", "create", name, "--decompress")
    assert (nothing.code, "--decompress needs data" in nothing.err) == (2, True), nothing.err


# Saving ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(glancelite: Run, name: str, packed: Path) -> Callable[[bytes], str]:
    """Makes an image of data that stays as it is."""

    def make(data: bytes) -> str:
        packed.write_bytes(data)
        words = ("--file", packed, "--disk-format", "raw", "-f", "value", "-c", "id")
        return glancelite("image", "create", name, *words).out.strip()

    return make


@pytest.mark.parametrize("options", [(), ("--sparse",), ("--resume",)])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_an_image_is_saved(
    glancelite: Run, kept: Callable[[bytes], str], tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    data = bytes(3 << 20) + DISK + bytes(3 << 20)
    image, copy = kept(KINDS[kind](data)), tmp_path / "copy.img"

    done = glancelite("image", "save", image, "--decompress", "--file", copy, *options)

    assert (done.code, done.err) == (0, "")
    assert copy.read_bytes() == data
    assert (copy.stat().st_blocks * 512 < len(data) - (5 << 20)) == (options == ("--sparse",))
    assert list(tmp_path.glob("copy.img*")) == [copy]


@pytest.mark.parametrize(
    ("data", "said"),
    [(DISK, "it is not compressed"), (gzip.compress(DISK)[:-8] + bytes(8), "it is damaged"), (b"", "it has no data")],
)
def test_where_nothing_is_in_it_the_file_stays_as_it_was(
    glancelite: Run, kept: Callable[[bytes], str], name: str, tmp_path: Path, data: bytes, said: str
) -> None:
    image = kept(data) if data else glancelite("image", "create", name, "-f", "value", "-c", "id").out.strip()
    copy = tmp_path / "copy.img"
    copy.write_bytes(b"before")

    done = glancelite("image", "save", image, "--decompress", "--file", copy)

    assert (done.code, said in done.err) == (1, True), done.err
    assert copy.read_bytes() == b"before"
    assert list(tmp_path.glob("copy.img*")) == [copy]
