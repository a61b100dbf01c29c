"""`glancelite registry` says whether the registry answers."""

import socket
from pathlib import Path

import pytest
from cli.conftest import Run


def test_a_registry_that_is_there_answers_and_shows_its_schema(on_host: Run, tmp_path: Path) -> None:
    assert on_host("db", "upgrade", "--data-dir", tmp_path).code == 0
    ping = on_host("registry", "ping", "--data-dir", tmp_path)
    assert (ping.code, ping.out.endswith("up to date\n")) == (0, True)
    shown = on_host("registry", "show", "--data-dir", tmp_path, "-f", "json").json
    assert (shown["location"], shown["is_current"]) == ("local", True)
    assert shown["schema"] == on_host("db", "version", "--data-dir", tmp_path).out.strip()


def test_a_registry_that_is_stopped_is_an_error(on_host: Run, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = on_host("registry", "ping", "--data-dir", tmp_path, GLANCELITE_REGISTRY_LOCATION=url)
    assert (done.code, done.out, done.err[:7]) == (1, "", "Error: ")


@pytest.mark.parametrize("words", [("registry", "ping"), ("db", "check"), ("db", "upgrade"), ("fsck",), ("verify",)])
def test_a_damaged_database_is_one_line(on_host: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    where = ("--data-dir", tmp_path / "data")
    assert on_host("db", "upgrade", *where).code == 0
    with (tmp_path / "data/glancelite.sqlite").open("r+b") as database:
        database.write(b"no database" * 400)
    done = on_host(*words, *where)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1 and "file is not a database" in done.err, done.err
