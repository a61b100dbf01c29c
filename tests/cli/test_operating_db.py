"""`glancelite db` has the verbs that operators know, and keeps ids of deleted images for ever."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from harness import Api, make_service, running
from operating import run


@pytest.mark.parametrize("verb", ["sync", "migrate", "upgrade"])
def test_a_database_is_made_by_any_of_the_verbs(verb: str, tmp_path: Path) -> None:
    assert run("db", verb, "--data-dir", tmp_path).returncode == 0
    versions = [run("db", name, "--data-dir", tmp_path).stdout for name in ("version", "current")]
    assert versions[0] == versions[1] != ""
    assert run("db", verb, "--data-dir", tmp_path).stdout == "up to date\n"


def test_there_is_no_way_back(tmp_path: Path) -> None:
    done = run("db", "downgrade", "0001_initial")
    assert (done.returncode, "never goes back" in done.stderr) == (1, True)


def test_a_purge_forgets_what_deleted_images_were(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(make_service(data, "together", REGISTRY_LEASE_SECONDS="0.4")) as service:
        api = Api(service.url)
        gone = [api.create_with(b"x", name="secret", tags=["t"], visibility="shared") for _ in range(3)]
        kept = api.create_with(b"y", name="kept")
        for image in gone:
            assert api.delete(f"/v2/images/{image['id']}").status == 204
        deadline = time.monotonic() + 20
        while _count(data, "SELECT COUNT(*) FROM blobs") > 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert run("db", "purge", "--data-dir", data).stdout == "purged 0 image(s)\n"
        assert _count(data, "SELECT COUNT(*) FROM images WHERE name = 'secret'") == 3
        one = ("db", "purge", "--data-dir", data, "--age-in-days", "0")
        assert run(*one, "--max-rows", "1").stdout == "purged 1 image(s)\n"
        assert _count(data, f"SELECT COUNT(*) FROM images WHERE name IS NULL AND id = '{gone[0]['id']}'") == 1
        assert run(*one, "--max-rows", "-1").stdout == "purged 2 image(s)\n"
        assert _count(data, "SELECT COUNT(*) FROM images WHERE name = 'secret' OR owner = 'x' OR tags <> '[]'") == 0
        assert api.show(kept["id"])["name"] == "kept"
        again = api.post("/v2/images", {"id": gone[0]["id"], "disk_format": "raw", "container_format": "bare"})
        assert again.status == 409
        assert service.fsck().stdout == "clean\n"


def test_a_database_behind_a_daemon_is_not_looked_for_here(tmp_path: Path) -> None:
    for verb in ("upgrade", "check", "purge"):
        done = run("db", verb, "--data-dir", tmp_path, GLANCELITE_REGISTRY_LOCATION="http://127.0.0.1:1")
        assert (done.returncode, "run this where that runs" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("connection", ["", "sqlite:///{}/misspelt/images.sqlite"])
@pytest.mark.parametrize("words", [("fsck",), ("verify",), ("store", "list"), ("db", "check"), ("registry", "show")])
def test_who_looks_for_a_service_where_none_is_makes_none(
    words: tuple[str, ...], connection: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    env = {"GLANCELITE_DATABASE_CONNECTION": connection.format(tmp_path)} if connection else {}

    done = run(*words, "--data-dir", data, **env)

    assert (done.returncode, "There is no service" in done.stderr) == (1, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def _count(data: Path, statement: str) -> int:
    with closing(sqlite3.connect(data / "glancelite.sqlite")) as database:
        return int(database.execute(statement).fetchone()[0])
