"""Disks that are full or broken: the upload fails with a sentence, and leaves the image as it was and no bytes."""

import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from faults.rig import BLOCK, Rig, eventually, in_background

ROOM = 24
SMALL = os.urandom(2 * BLOCK)


def _can_mount() -> bool:
    with tempfile.TemporaryDirectory() as place:
        words = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", place]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", place], check=True)
        return True


needs_mount = pytest.mark.needs("mount" if _can_mount() else "the right to mount a tmpfs")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a few MiB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}m", "none", str(place)], check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def too_large(*, chunked: bool) -> "bytes | Iterator[bytes]":
    blocks = (bytes(BLOCK) for _ in range(ROOM + 8))
    return blocks if chunked else b"".join(blocks)


@needs_mount
@pytest.mark.parametrize("chunked", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["length", "chunked"])
@pytest.mark.parametrize(
    "what", ["the store", pytest.param("the store and the database", marks=pytest.mark.only_on("sqlite"))]
)
def test_a_full_disk_is_said_and_leaves_the_image_queued_and_no_bytes(
    start_rig: Callable[..., Rig], small_disk: Path, what: str, chunked: bool
) -> None:
    images = small_disk / "images"
    settings = {"GLANCE_STORE_FILESYSTEM_STORE_DATADIR": str(images)}
    if what == "the store and the database":
        settings["DATABASE_CONNECTION"] = f"sqlite:///{small_disk}/glancelite.sqlite"
    rig = start_rig(**settings)
    rig.images = images
    kept, image = rig.api.create_with(SMALL), rig.api.create()

    reply = rig.api.upload(image["id"], too_large(chunked=chunked))

    assert reply.status == 413, reply.text
    assert "not enough disk space" in reply.json["message"]
    assert rig.status(image["id"]) == "queued"
    assert rig.files() == rig.live_keys()
    rig.assert_takes_upload(image["id"], SMALL)
    rig.assert_holds(kept["id"], SMALL)
    rig.assert_nothing_left()
    rig.assert_clean()


@needs_mount
@pytest.mark.only_on("sqlite")
def test_a_registry_that_has_no_room_for_the_commit_gives_the_bytes_back(
    start_rig: Callable[..., Rig], small_disk: Path
) -> None:
    rig = start_rig(DATABASE_CONNECTION=f"sqlite:///{small_disk}/glancelite.sqlite", REGISTRY_COMMIT_PATIENCE="1")
    image = rig.api.create()
    rig.arm("block", "before-commit")
    upload = in_background(rig.api.upload, image["id"], SMALL)
    rig.wait_reached()
    with closing(sqlite3.connect(small_disk / "glancelite.sqlite")) as another:
        another.execute("SELECT 1 FROM images")  # while it is open the journal is not cleared away, which makes room
        ballast = fill(small_disk)
        rig.go()
        reply = upload.result(30)
        ballast.unlink()

    assert reply.status == 503, reply.text
    rig.wait_status(image["id"], "queued")
    rig.assert_nothing_left()
    rig.assert_takes_upload(image["id"], SMALL)
    rig.assert_clean()


def fill(place: Path) -> Path:
    """Take all the room there is."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for block in (bytes(BLOCK), bytes(4096), b"x"):
            try:
                while file.write(block):
                    pass
            except OSError:
                continue
    return ballast


@pytest.mark.parametrize(
    "step", ["before-first-byte", "half-way", "before-fsync", "before-rename", "before-directory-fsync"]
)
def test_a_disk_that_fails_is_said_and_never_asked_again(shared_rig: Rig, step: str) -> None:
    rig = shared_rig
    image = rig.api.create()
    rig.arm("fail", step)

    reply = rig.api.upload(image["id"], SMALL)

    assert rig.reached()  # once: had it been tried again, it would have succeeded
    assert reply.status == 503, reply.text
    assert "Input/output error" in reply.json["message"]
    assert rig.status(image["id"]) == "queued"
    rig.assert_nothing_left()
    rig.assert_takes_upload(image["id"], SMALL)


def test_what_cannot_be_unlinked_stands_in_nobody_s_way(shared_rig: Rig) -> None:
    rig = shared_rig
    rig.assert_nothing_left()
    stuck, before = rig.api.create_with(SMALL), rig.files()
    (key,) = before - {key for (key,) in rig.rows(f"SELECT blobs.key FROM blobs WHERE image_id != '{stuck['id']}'")}
    other = rig.api.create_with(SMALL)
    (rig.directory / key).unlink()
    (rig.directory / key).mkdir()  # no unlink removes a directory

    for image in (stuck, other):
        assert rig.api.delete(f"/v2/images/{image['id']}").status == 204

    eventually(lambda: rig.files() == (rig.live_keys() | {key}), what="a store without the other image's bytes")
    (rig.directory / key).rmdir()
    rig.wait_settled()
