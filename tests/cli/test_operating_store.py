"""`glancelite store` says what is in the stores, and whether they do what stores do."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Api, make_service, running
from operating import run

TWO = {"ENABLED_BACKENDS": "fast:file,cheap:file,web:http", "GLANCE_STORE_DEFAULT_BACKEND": "fast",
       "FAST_WEIGHT": "5", "CHEAP_STORE_DESCRIPTION": "slow disks"}  # fmt: skip
ENV = {f"GLANCELITE_{name}": value for name, value in TWO.items()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a stopped service: two images in one store, one staged."""
    data = tmp_path_factory.mktemp("store") / "data"
    with running(make_service(data, "together", **TWO)) as service:
        api = Api(service.url)
        api.create_with(b"x" * 1000)
        api.create_with(b"y" * 500)
        staged = api.create()
        octets = {"Content-Type": "application/octet-stream"}
        assert api.request("PUT", f"/v2/images/{staged['id']}/stage", b"z" * 30, octets).status == 204
    return data


def listed(verb: str, data: Path) -> dict[str, dict[str, Any]]:
    done = run("store", verb, "--data-dir", data, "-f", "json", **ENV)
    assert done.returncode == 0, done.stderr
    return {row["ID"]: row for row in json.loads(done.stdout)}


def test_the_list_has_what_each_store_is_and_holds(data: Path) -> None:
    stores = listed("list", data)
    fast = stores["fast"]
    assert (fast["Driver"], fast["Default"], fast["Weight"], fast["Images"], fast["Size"]) == ("file", True, 5, 2, 1500)
    assert fast["Free"] == pytest.approx(os.statvfs(data).f_bavail * os.statvfs(data).f_frsize, rel=0.2)
    assert [stores["cheap"][name] for name in ("Default", "Images", "Size", "State")] == [False, 0, 0, "ok"]
    assert [stores["web"][name] for name in ("Driver", "Images", "Free", "State")] == ["http", None, None, "read-only"]
    assert stores["os_glance_staging_store"]["Size"] == 30


def test_usage_counts_by_what_becomes_of_the_bytes(data: Path) -> None:
    stores = listed("usage", data)
    assert (stores["fast"]["Images"], stores["fast"]["Bytes"]) == (2, 1500)
    staging = stores["os_glance_staging_store"]
    assert (staging["Images"], staging["Staged"], staging["Staged Bytes"]) == (0, 1, 30)


def test_a_store_is_shown_with_its_place(data: Path) -> None:
    shown = json.loads(run("store", "show", "cheap", "--data-dir", data, "-f", "json", **ENV).stdout)
    assert (shown["description"], shown["properties"]["data_dir"]) == ("slow disks", f"{data}/stores/cheap")
    unknown = run("store", "show", "attic", "--data-dir", data, **ENV)
    assert (unknown.returncode, "there are: fast, cheap" in unknown.stderr) == (1, True)


def test_a_check_says_each_step_and_leaves_nothing(data: Path) -> None:
    before = sorted((data / "stores").rglob("*"))
    done = run("store", "check", "--data-dir", data, "-f", "json", **ENV)
    steps = json.loads(done.stdout)
    assert done.returncode == 0
    assert [(row["Step"], row["Result"]) for row in steps if row["Store"] == "fast"] == [
        (step, "ok") for step in ("place", "write", "read", "delete", "is gone")
    ]
    assert {row["Store"] for row in steps} == {"fast", "cheap", "os_glance_staging_store"}
    assert sorted((data / "stores").rglob("*")) == before


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system that is smaller than what is tried."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], check=False)
    assert mounted.returncode == 0, "this test mounts a small file system: it runs as root"
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.needs("mount")
def test_a_check_of_a_full_disk_fails_in_the_write_and_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    env = {"GLANCELITE_GLANCE_STORE_FILESYSTEM_STORE_DATADIR": str(tiny)}
    assert run("db", "sync", "--data-dir", tmp_path / "data", **env).returncode == 0
    done = run("store", "check", "file", "--data-dir", tmp_path / "data", "-f", "json", **env)
    rows = json.loads(done.stdout)
    assert (done.returncode, [row["Step"] for row in rows]) == (4, ["place", "write"])
    assert "full" in rows[1]["Result"].lower() or "space" in rows[1]["Result"].lower()
    assert [path.name for path in tiny.iterdir()] == [".glancelite-store"]


def test_a_check_of_a_place_that_is_not_the_store_s_writes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run("db", "sync", "--data-dir", data).returncode == 0
    assert run("store", "check", "--data-dir", data).returncode == 0
    (data / "images/.glancelite-store").write_text("another")
    done = run("store", "check", "file", "--data-dir", data, "-f", "value", "-c", "Step", "-c", "Result")
    assert (done.returncode, "another store's marker" in done.stdout, done.stdout.count("\n")) == (4, True, 1)
