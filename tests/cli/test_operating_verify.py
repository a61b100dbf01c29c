"""`glancelite verify` finds what happened to bytes behind the service's back."""

import os
from pathlib import Path

import pytest
from cli.conftest import Run
from harness import make_service, running


@pytest.fixture
def stored(on_host: Run, tmp_path: Path) -> tuple[Path, str, Path]:
    """The data directory of a stopped service, an image's id, and the file with its bytes."""
    data, disk = tmp_path / "data", tmp_path / "disk.img"
    disk.write_bytes(os.urandom(3_000_000))
    with running(make_service(data, "together", auth="none")) as service:
        made = on_host(
            "image", "create", "--file", disk, "--disk-format", "raw", "-f", "value", "-c", "id", "one",
            OS_AUTH_TYPE="none", OS_ENDPOINT=service.url,
        )  # fmt: skip
    assert made.code == 0, made.err
    (file,) = [path for path in data.rglob("*") if path.is_file() and path.stat().st_size == 3_000_000]
    return data, made.out.strip(), file


def test_bytes_as_uploaded_are_ok(on_host: Run, stored: tuple[Path, str, Path]) -> None:
    data, image, _ = stored
    done = on_host("verify", "--data-dir", data, "-f", "value", "-c", "Image", "-c", "Size", "-c", "Result")
    assert (done.code, done.out) == (0, f"{image} 3000000 ok\n")


def test_a_flipped_byte_is_found_by_both_hashes(on_host: Run, stored: tuple[Path, str, Path]) -> None:
    data, image, file = stored
    with file.open("r+b") as bytes_:
        bytes_.seek(1_500_000)
        byte = bytes_.read(1)
        bytes_.seek(1_500_000)
        bytes_.write(bytes([byte[0] ^ 1]))
    done = on_host("verify", image, "--data-dir", data, "-f", "value", "-c", "Result")
    assert (done.code, done.out) == (4, "it does not have the recorded md5 and sha512\n")


def test_a_shortened_file_is_found(on_host: Run, stored: tuple[Path, str, Path]) -> None:
    data, _, file = stored
    os.truncate(file, 2_999_999)
    done = on_host("verify", "--all", "--data-dir", data, "-f", "value", "-c", "Result")
    assert (done.code, done.out) == (4, "it has 2999999 bytes, not 3000000\n")


def test_a_removed_file_is_found(on_host: Run, stored: tuple[Path, str, Path]) -> None:
    data, _, file = stored
    file.unlink()
    done = on_host("verify", "--data-dir", data, "-f", "value", "-c", "Result")
    assert (done.code, done.out) == (4, "its data is not there\n")


def test_an_unknown_image_or_store_is_an_error(on_host: Run, stored: tuple[Path, str, Path]) -> None:
    data, _, _ = stored
    assert on_host("verify", "nobody", "--data-dir", data).code == 1
    unknown = on_host("verify", "--store", "attic", "--data-dir", data)
    assert (unknown.code, "There is no store 'attic'" in unknown.err) == (1, True)
