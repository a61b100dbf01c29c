"""`glancelite verify` finds what happened to bytes behind the service's back."""

import os
import subprocess
from pathlib import Path

import pytest
from harness import command, make_service, running


def run(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}
    return subprocess.run(
        command(*map(str, args)), env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, str, Path]:
    """The data directory of a stopped service, an image's id, and the file with its bytes."""
    data, disk = tmp_path / "data", tmp_path / "disk.img"
    disk.write_bytes(os.urandom(3_000_000))
    with running(make_service(data, "together", auth="none")) as service:
        made = run(
            "image", "create", "--file", disk, "--disk-format", "raw", "-f", "value", "-c", "id", "one",
            OS_AUTH_TYPE="none", OS_ENDPOINT=service.url,
        )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (file,) = [path for path in data.rglob("*") if path.is_file() and path.stat().st_size == 3_000_000]
    return data, made.stdout.strip(), file


def test_bytes_as_uploaded_are_ok(stored: tuple[Path, str, Path]) -> None:
    data, image, _ = stored
    done = run("verify", "--data-dir", data, "-f", "value", "-c", "Image", "-c", "Size", "-c", "Result")
    assert (done.returncode, done.stdout) == (0, f"{image} 3000000 ok\n")


def test_a_flipped_byte_is_found_by_both_hashes(stored: tuple[Path, str, Path]) -> None:
    data, image, file = stored
    with file.open("r+b") as bytes_:
        bytes_.seek(1_500_000)
        byte = bytes_.read(1)
        bytes_.seek(1_500_000)
        bytes_.write(bytes([byte[0] ^ 1]))
    done = run("verify", image, "--data-dir", data, "-f", "value", "-c", "Result")
    assert (done.returncode, done.stdout) == (4, "it does not have the recorded md5 and sha512\n")


def test_a_shortened_file_is_found(stored: tuple[Path, str, Path]) -> None:
    data, _, file = stored
    os.truncate(file, 2_999_999)
    done = run("verify", "--all", "--data-dir", data, "-f", "value", "-c", "Result")
    assert (done.returncode, done.stdout) == (4, "it has 2999999 bytes, not 3000000\n")


def test_a_removed_file_is_found(stored: tuple[Path, str, Path]) -> None:
    data, _, file = stored
    file.unlink()
    done = run("verify", "--data-dir", data, "-f", "value", "-c", "Result")
    assert (done.returncode, done.stdout) == (4, "its data is not there\n")


def test_an_unknown_image_or_store_is_an_error(stored: tuple[Path, str, Path]) -> None:
    data, _, _ = stored
    assert run("verify", "nobody", "--data-dir", data).returncode == 1
    unknown = run("verify", "--store", "attic", "--data-dir", data)
    assert (unknown.returncode, "There is no store 'attic'" in unknown.stderr) == (1, True)
