"""fsck finds what has been planted, and names it: a check that cannot find anything is worth nothing."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from databases import KIND, copy_database
from faults.rig import BLOCK, MARKER, RawUpload, Rig, fsck

DATA = os.urandom(BLOCK + 7)
LONG_AGO = 3600


def findings(rig: Rig, *arguments: str) -> list[str]:
    """What fsck says, line by line; it must not say that all is clean."""
    code, said = fsck(rig, *arguments)
    *lines, last = said.splitlines()
    assert code == 4, said
    assert last == f"{len(lines)} finding(s)"
    return lines


def age(path: Path) -> None:
    then = time.time() - LONG_AGO
    os.utime(path, (then, then))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rig, str]:
    """A stopped service with one image, and the image's id."""
    rig = Rig.make(tmp_path_factory.mktemp("template") / "data")
    rig.service.start()
    image: str = rig.api.create_with(DATA)["id"]
    assert rig.service.stop() == [0]
    rig.assert_clean()
    return rig, image


@pytest.fixture
def stopped(template: tuple[Rig, str], tmp_path: Path) -> Rig:
    """A stopped service of one's own with that image."""
    service = template[0].service
    shutil.copytree(service.data_dir, tmp_path / "copy")
    elsewhere = {} if KIND == "sqlite" else {"DATABASE_CONNECTION": copy_database(service.database)}
    return Rig.make(tmp_path / "copy", **elsewhere)


@pytest.fixture
def image_id(template: tuple[Rig, str]) -> str:
    return template[1]


@pytest.fixture
def file(stopped: Rig) -> Path:
    (name,) = stopped.files()
    return stopped.directory / name


@pytest.mark.parametrize("name", ["stray", "11111111-2222-4333-8444-555555555555", "stray.part"])
def test_an_old_file_that_no_row_names_is_found_and_a_young_one_is_left_for_later(stopped: Rig, name: str) -> None:
    stray = stopped.directory / name
    stray.write_bytes(b"12345")
    os.utime(stray, (time.time() + 60,) * 2)  # as young as can be, however slow this test
    assert fsck(stopped) == (0, "clean\n")

    age(stray)

    (finding,) = findings(stopped)
    assert finding.startswith(f"file {name}: no row names it (5 bytes, ")


def test_a_directory_is_nobodys_data(stopped: Rig) -> None:
    """A disk that is mounted there has one of its own."""
    (stopped.directory / "lost+found").mkdir()
    age(stopped.directory / "lost+found")
    assert fsck(stopped) == (0, "clean\n")


def test_a_missing_file_is_found(stopped: Rig, image_id: str, file: Path) -> None:
    file.unlink()

    assert findings(stopped) == [f"image {image_id}: its data {file.name} is not in store file"]


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 0])
def test_a_file_of_another_size_is_found(stopped: Rig, image_id: str, file: Path, size: int) -> None:
    os.truncate(file, size)

    (finding,) = findings(stopped)
    assert finding == f"image {image_id}: its data {file.name} has {size} bytes in store file, not {len(DATA)}"


@pytest.mark.parametrize("position", [0, len(DATA) - 1])
def test_a_flipped_bit_is_found_by_the_hash(stopped: Rig, image_id: str, file: Path, position: int) -> None:
    with file.open("r+b") as open_file:
        open_file.seek(position)
        open_file.write(bytes([DATA[position] ^ 1]))

    assert fsck(stopped) == (0, "clean\n")  # by the size alone nothing is to be seen
    (finding,) = findings(stopped, "--hash")
    assert finding == f"image {image_id}: its data {file.name} in store file does not have the recorded sha512"


def test_a_file_that_never_got_its_name_is_found(stopped: Rig, image_id: str, file: Path) -> None:
    file.rename(f"{file}.part")

    lines = findings(stopped)

    assert f"file {file.name}.part: it is unfinished although its blob is live" in lines
    assert f"image {image_id}: its data {file.name} is not in store file" in lines


STATEMENTS = {
    "UPDATE images SET status = 'queued' WHERE id = :image": "image :image: it is queued but has a location",
    "UPDATE images SET status = 'saving' WHERE id = :image": "image :image: its status is saving but nobody living",
    "UPDATE images SET status = 'importing' WHERE id = :image": "image :image: its status is importing but nobody",
    "UPDATE images SET status = 'uploading' WHERE id = :image": "image :image: its status is uploading but nobody",
    "UPDATE images SET status = 'deleted' WHERE id = :image": "image :image: it is deleted but has a location",
    "UPDATE images SET size = size + 1 WHERE id = :image": "image :image: its size or hashes are not those of its blob",
    "UPDATE images SET size = NULL WHERE id = :image": "image :image: its size or hashes are not those of its blob",
    "UPDATE images SET checksum = 'other' WHERE id = :image": "image :image: its size or hashes are not those of its",
    "UPDATE images SET os_hash_value = NULL WHERE id = :image": "image :image: its size or hashes are not those of its",
    "DELETE FROM locations WHERE image_id = :image": "image :image: it is active but has no location",
    f"UPDATE blobs SET state = 'dropping', drop_at = {1 << 50} WHERE image_id = :image": "image :image: a location of",
    "DELETE FROM blobs WHERE image_id = :image": "image :image: a location of it names no live blob",
    "UPDATE images SET tags = '[\"planted\"]' WHERE id = :image": "image :image: its search marks are not those of",
    "UPDATE blobs SET size = size + 1 WHERE image_id = :image": "image :image: its data ",
    "UPDATE images SET is_gone = TRUE WHERE id = :image": "image :image: lists take it for what its status is not",
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_row_that_was_tampered_with_is_found(stopped: Rig, image_id: str, statement: str) -> None:
    stopped.tamper(statement.replace(":image", "?"), image_id)

    wanted = STATEMENTS[statement].replace(":image", image_id)
    lines = findings(stopped)
    assert any(line.startswith(wanted) for line in lines), lines


def test_a_deleted_image_that_is_back_is_found(rig: Rig) -> None:
    image_id = rig.api.create_with(DATA)["id"]
    assert rig.api.delete(f"/v2/images/{image_id}").status == 204
    rig.wait_settled()
    rig.assert_clean()

    rig.tamper("UPDATE images SET status = 'queued', is_gone = FALSE WHERE id = ?", image_id)

    assert findings(rig) == [f"image {image_id}: it was deleted and is back"]


def test_an_upload_whose_process_died_is_found_until_somebody_clears_it(rig: Rig) -> None:
    image = rig.api.create()
    upload = RawUpload(rig.api, image["id"], 2 * BLOCK)
    upload.send(bytes(BLOCK))
    rig.wait_status(image["id"], "saving")
    rig.kill()
    upload.vanish()
    rig.tamper("UPDATE processes SET alive_until = 0")

    lines = findings(rig)

    assert f"image {image['id']}: its status is saving but nobody living works on it" in lines
    rig.service.start()
    rig.wait_status(image["id"], "queued")
    rig.wait_settled()
    rig.assert_clean()


def test_a_place_that_is_not_the_store_s_is_found(stopped: Rig, image_id: str) -> None:
    (stopped.directory / MARKER).unlink()

    (finding,) = findings(stopped)

    assert finding.startswith("store file: ")
    assert "carries no marker" in finding


def test_a_busy_service_is_clean_all_the_time(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig()
    ending = threading.Event()

    def keep_busy() -> None:
        while not ending.is_set():
            image = rig.api.create_with(DATA)
            assert rig.api.delete(f"/v2/images/{image['id']}").status == 204

    assert rig.api.list() == []  # it has started: a connection is taken before the database is there
    workers = [threading.Thread(target=keep_busy) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(2):
            rig.assert_clean()
    finally:
        ending.set()
        for worker in workers:
            worker.join()
