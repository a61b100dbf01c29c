"""A store's directory that is not there, or is another one: it is neither written nor cleaned, and nothing is lost."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults.rig import BLOCK, MARKER, RawUpload, Rig, eventually
from harness import Reply

DATA = os.urandom(BLOCK + 5)
PLACES = pytest.mark.parametrize("place", ["empty", "another store's", pytest.param("none", marks=pytest.mark.slow)])


@contextmanager
def instead(rig: Rig, place: str) -> Iterator[Path]:
    """The store's directory is away, as if unmounted, and something else is in its place."""
    real = rig.directory.with_name("real")
    rig.directory.rename(real)
    if place != "none":
        rig.directory.mkdir()
    if place == "another store's":
        (rig.directory / MARKER).write_text(str(uuid.uuid4()))
    try:
        yield rig.directory
    finally:
        if place != "none":
            for path in rig.directory.iterdir():
                path.unlink()
            rig.directory.rmdir()
        real.rename(rig.directory)


def assert_unavailable(reply: Reply) -> None:
    assert reply.status == 503, reply.text
    assert "store 'file' cannot be used" in reply.json["message"]


@PLACES
def test_an_upload_is_refused_with_a_sentence_and_writes_nothing(shared_rig: Rig, place: str) -> None:
    shared_rig.api.create_with(DATA)
    image = shared_rig.api.create()
    with instead(shared_rig, place) as directory:
        before = sorted(directory.iterdir()) if place != "none" else []

        assert_unavailable(shared_rig.api.upload(image["id"], DATA))

        assert shared_rig.status(image["id"]) == "queued"
        assert (sorted(directory.iterdir()) if directory.exists() else []) == before
    shared_rig.assert_nothing_left()
    shared_rig.assert_takes_upload(image["id"], DATA)


@PLACES
def test_a_download_says_that_the_data_is_not_to_be_had(shared_rig: Rig, place: str) -> None:
    image = shared_rig.api.create_with(DATA)
    with instead(shared_rig, place):
        assert shared_rig.api.get(image["file"]).status in (404, 503)
    shared_rig.assert_holds(image["id"], DATA)


@PLACES
def test_what_is_deleted_meanwhile_is_dropped_when_the_directory_is_back(shared_rig: Rig, place: str) -> None:
    kept, gone = shared_rig.api.create_with(DATA), shared_rig.api.create_with(DATA)
    shared_rig.assert_nothing_left()
    keys = shared_rig.files()
    with instead(shared_rig, place) as directory:
        if place != "none":
            for key in keys:
                (directory / key).write_bytes(b"not ours")

        assert shared_rig.api.delete(f"/v2/images/{gone['id']}").status == 204

        shared_rig.wait_housekeeping()
        if place != "none":
            assert {path.name for path in directory.iterdir()} - {MARKER} == keys
    shared_rig.assert_nothing_left()
    shared_rig.assert_holds(kept["id"], DATA)


@pytest.mark.parametrize("place", ["empty", "none"])
def test_a_directory_that_goes_away_half_way_fails_the_upload_and_is_cleaned_when_it_is_back(
    shared_rig: Rig, place: str
) -> None:
    image = shared_rig.api.create()
    upload = RawUpload(shared_rig.api, image["id"], 2 * BLOCK)
    upload.send(bytes(BLOCK))
    eventually(lambda: shared_rig.files() - shared_rig.live_keys(), what="a file of the upload")
    with instead(shared_rig, place) as directory:
        upload.send(bytes(BLOCK))

        assert upload.answer().startswith(b"HTTP/1.1 503 ")

        assert shared_rig.status(image["id"]) == "queued"
        assert place == "none" or list(directory.iterdir()) == []
    shared_rig.assert_nothing_left()
    shared_rig.assert_takes_upload(image["id"], DATA)


def test_a_service_that_starts_without_its_directory_serves_metadata_and_waits_for_it(rig: Rig) -> None:
    image, queued = rig.api.create_with(DATA), rig.api.create()
    rig.kill()
    with instead(rig, "empty") as directory:
        rig.service.start()

        assert rig.status(image["id"]) == "active"
        assert_unavailable(rig.api.upload(queued["id"], DATA))
        assert rig.api.get("/healthcheck").status == 503
        assert list(directory.iterdir()) == []
    rig.assert_holds(image["id"], DATA)
    rig.assert_takes_upload(queued["id"], DATA)


def test_fsck_says_that_the_place_is_not_the_store_s(rig: Rig) -> None:
    rig.api.create_with(DATA)
    with instead(rig, "empty"):
        done = rig.service.fsck()
    assert done.returncode == 4
    assert "carries no marker" in done.stdout
