"""`glancelite verify` finds what happened to bytes behind the service's back."""

import json
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from cli.conftest import Run
from harness import Api, command, make_service, running


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
    assert (done.code, done.out) == (
        4, "it has 2999999 bytes, not 3000000, and does not have the recorded md5 and sha512\n",
    )  # fmt: skip


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


def test_a_wrong_recorded_size_is_corrected_if_the_hashes_are_right(
    on_host: Run, stored: tuple[Path, str, Path]
) -> None:
    data, image, _ = stored
    with sqlite3.connect(data / "glancelite.sqlite") as database:
        database.execute("UPDATE blobs SET size = 5")
        database.execute("UPDATE images SET size = 7")
    database.close()
    result = ("-f", "value", "-c", "Result")
    found = on_host("verify", "--data-dir", data, *result)
    assert (found.code, found.out) == (
        4, "it has 3000000 bytes, but 5 and 7 is recorded; its hashes are right\n",
    )  # fmt: skip
    fixed = on_host("verify", "--fix-size", "--data-dir", data, *result)
    assert (fixed.code, fixed.out) == (4, "its size was recorded as 5 and 7, and is 3000000 now\n")
    assert (on_host("verify", "--data-dir", data, *result).out, on_host("fsck", "--data-dir", data).out) == (
        "ok\n", "clean\n",
    )  # fmt: skip
    assert on_host("verify", image, "--data-dir", data).code == 0


def test_a_size_is_not_corrected_where_the_bytes_are_others(on_host: Run, stored: tuple[Path, str, Path]) -> None:
    data, _, file = stored
    os.truncate(file, 2_999_999)
    for _ in range(2):
        done = on_host("verify", "--fix-size", "--data-dir", data, "-f", "value", "-c", "Result")
        assert (done.code, "does not have the recorded md5 and sha512" in done.out) == (4, True)


def test_an_image_may_be_named_by_its_name_if_only_one_has_it(on_host: Run, stored: tuple[Path, str, Path]) -> None:
    data, image, _ = stored
    done = on_host("verify", "one", "--data-dir", data, "-f", "value", "-c", "Image")
    assert (done.code, done.out) == (0, f"{image}\n")
    with running(make_service(data, "together", auth="none")) as service:
        Api(service.url).create(name="one")
        ambiguous = on_host("verify", "one", "--data-dir", data)
    assert (ambiguous.code, "are called 'one'" in ambiguous.err) == (1, True)


def test_an_image_in_a_store_that_is_not_configured_is_no_image_that_is_well(
    on_host: Run, stored: tuple[Path, str, Path]
) -> None:
    data, _, _ = stored
    given = {"GLANCELITE_ENABLED_BACKENDS": "other:file", "GLANCELITE_GLANCE_STORE_DEFAULT_BACKEND": "other"}
    done = on_host("verify", "--data-dir", data, "-f", "value", "-c", "Result", **given)
    assert (done.code, done.out) == (4, "its store is not configured here\n"), done.err


def test_progress_is_told_to_programs(on_host: Run, stored: tuple[Path, str, Path]) -> None:
    data, _, _ = stored
    done = on_host("verify", "--data-dir", data, "-f", "json", GLANCELITE_PROGRESS="json")
    assert json.loads(done.err.splitlines()[-1]) == {"bytes": 3_000_000, "total": 3_000_000}
    assert json.loads(done.out)[0]["Result"] == "ok"


def test_reading_takes_no_more_memory_for_a_larger_image(on_host: Run, tmp_path: Path) -> None:
    data, disk = tmp_path / "data", tmp_path / "disk.img"
    with disk.open("wb") as file:
        file.truncate(300 << 20)
    with running(make_service(data, "together", auth="none")) as service:
        made = on_host(
            "image", "create", "--file", disk, "--disk-format", "raw", "big",
            OS_AUTH_TYPE="none", OS_ENDPOINT=service.url,
        )  # fmt: skip
    assert made.code == 0, made.err
    words = ["/bin/sh", "-c", 'ulimit -v 400000; exec "$@"', "sh", *command("verify", "--data-dir", str(data))]
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
