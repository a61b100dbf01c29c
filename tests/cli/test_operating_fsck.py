"""`glancelite fsck --delete-orphans` deletes what nobody names, and nothing else."""

import os
import sqlite3
import subprocess
import time
import uuid
from pathlib import Path

import pytest
from harness import Api, command, make_service, running

LONG_AGO = 3600


def fsck(data: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}
    words = command("fsck", "--data-dir", str(data), *args)
    return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory of a stopped service with one image."""
    with running(make_service(tmp_path / "data", "together")) as service:
        Api(service.url).create_with(b"bytes" * 1000)
    return tmp_path / "data"


def plant(data: Path, name: str | None = None, age: float = LONG_AGO, store: str = "images") -> Path:
    file = data / store / (name or str(uuid.uuid4()))
    file.write_bytes(b"orphan")
    os.utime(file, (time.time() - age,) * 2)
    return file


def test_orphans_are_deleted_and_the_image_stays(data: Path) -> None:
    (image,) = [path for path in (data / "images").iterdir() if not path.name.startswith(".")]
    old, part, staged = plant(data), plant(data, f"{uuid.uuid4()}.part"), plant(data, store="staging")
    done = fsck(data, "--delete-orphans")
    assert (done.returncode, old.exists()) == (1, True)
    assert "there is nobody to ask" in done.stderr
    assert str(data / "glancelite.sqlite") in done.stderr
    done = fsck(data, "--delete-orphans", "--yes")
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    for name in (f"file/{old.name}", f"file/{part.name}", f"os_glance_staging_store/{staged.name}"):
        assert f"file {name}: deleted" in lines
    assert lines[-1] == "3 finding(s)"
    assert [path.exists() for path in (old, part, staged, image)] == [False, False, False, True]
    again = fsck(data, "--delete-orphans")
    assert (again.returncode, again.stdout) == (0, "clean\n")


def test_a_dry_run_deletes_nothing(data: Path) -> None:
    old = plant(data)
    done = fsck(data, "--delete-orphans", "--dry-run")
    assert (done.returncode, f"file file/{old.name}: would be deleted" in done.stdout.splitlines()) == (4, True)
    assert old.exists()
    assert "would be deleted" in fsck(data, "--dry-run").stdout
    assert old.exists()


def test_a_young_file_is_left_to_whoever_may_be_writing_it(data: Path) -> None:
    young = plant(data, age=-60)
    assert (fsck(data, "--delete-orphans").returncode, young.exists()) == (0, True)


def test_a_file_that_is_not_named_by_this_service_is_left_alone(data: Path) -> None:
    strange = plant(data, "backup.tar")
    done = fsck(data, "--delete-orphans", "--yes")
    assert (done.returncode, strange.exists()) == (4, True)
    assert "file file/backup.tar: left alone" in done.stdout


def test_what_a_running_upload_writes_is_left_however_old_it_looks(tmp_path: Path) -> None:
    options = {"REGISTRY_LEASE_SECONDS": "0.5"}
    data = tmp_path / "data"
    with running(make_service(data, "together", **options)) as service:
        api = Api(service.url)
        image = api.create()
        said: list[subprocess.CompletedProcess[str]] = []

        def slowly() -> object:
            yield b"x" * 600_000
            time.sleep(1)
            (part,) = (data / "images").glob("*.part")
            os.utime(part, (time.time() - LONG_AGO,) * 2)
            said.append(fsck(data, "--delete-orphans", "--yes", GLANCELITE_REGISTRY_LEASE_SECONDS="0.5"))
            yield b"y" * 600_000

        assert api.upload(image["id"], slowly()).status == 204
        assert (said[0].returncode, said[0].stdout) == (0, "clean\n")
        assert len(api.get(f"/v2/images/{image['id']}/file").body) == 1_200_000


def test_bytes_of_another_store_in_the_same_place_are_no_orphans(data: Path, tmp_path: Path) -> None:
    """One who gives the only store a name of its own still has rows that say `file`."""
    (image,) = [path for path in (data / "images").iterdir() if not path.name.startswith(".")]
    os.utime(image, (time.time() - LONG_AGO,) * 2)
    renamed = {
        "GLANCELITE_ENABLED_BACKENDS": "fast:file",
        "GLANCELITE_GLANCE_STORE_DEFAULT_BACKEND": "fast",
        "GLANCELITE_FAST_FILESYSTEM_STORE_DATADIR": str(data / "images"),
    }
    done = fsck(data, "--delete-orphans", "--yes", **renamed)
    assert (done.returncode, image.exists()) == (4, True)
    assert f"file {image.name}: its row says that another store has it" in done.stdout
    assert "store file: it is not configured here, but images have data in it" in done.stdout


def test_a_registry_that_knows_nothing_deletes_nothing_unless_it_is_meant(data: Path) -> None:
    (image,) = [path for path in (data / "images").iterdir() if not path.name.startswith(".")]
    os.utime(image, (time.time() - LONG_AGO,) * 2)
    with sqlite3.connect(data / "glancelite.sqlite") as database:
        database.execute("DELETE FROM blobs")
    database.close()
    done = fsck(data, "--delete-orphans")
    assert (done.returncode, image.exists(), "right database" in done.stderr) == (1, True, True)
    assert fsck(data, "--delete-orphans", "--yes").returncode == 4
    assert not image.exists()


def test_another_store_s_disk_is_never_cleaned(data: Path) -> None:
    orphan = plant(data)
    (data / "images" / ".glancelite-store").write_text(str(uuid.uuid4()))
    done = fsck(data, "--delete-orphans", "--yes")
    assert (done.returncode, orphan.exists()) == (1, True)
    assert "another store's marker" in done.stderr
