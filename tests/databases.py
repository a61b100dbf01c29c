"""Database servers for tests: a PostgreSQL of one's own, started when the first test asks for it."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import free_port

POSTGRES = shutil.which("postgres") or max(
    map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), default="postgres"
)
"""The program that tests with `postgres_url` need, `@pytest.mark.needs(POSTGRES)`; Debian puts it on no path."""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL server, as the URL of its first database; `new_database` makes others."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as place:
        data, port = Path(place) / "data", free_port()
        as_nobody = _drop_root(Path(place))
        _run([*as_nobody, _program("initdb"), "--no-sync", "-A", "trust", "-U", "postgres", "-D", str(data)], place)
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        words = [_program("postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]
        with (Path(place) / "log").open("wb") as log:
            server = subprocess.Popen([*as_nobody, *words], cwd=place, stdout=log, stderr=log, env=_environment())
        try:
            _wait_for(port, server)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(30)


def new_database(url: str) -> str:
    """Make an empty database on the server of this URL; its own URL."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(url, f'CREATE DATABASE "{name}"')
    return f"{url.rpartition('/')[0]}/{name}"


def read_rows(url: str, statement: str) -> list[tuple[object, ...]]:
    """Rows of a PostgreSQL database, read behind the service's back."""
    return _execute(url, statement) or []


def _execute(url: str, statement: str) -> "list[tuple[object, ...]] | None":
    import psycopg2

    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def _program(name: str) -> str:
    """The full path of a program that comes with the server."""
    return str(Path(POSTGRES).resolve().with_name(name))


def _drop_root(place: Path) -> list[str]:
    """The words in front of a command that must not run as root, and the right to write at this place."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--"]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _run(words: list[str], place: str) -> None:
    done = subprocess.run(words, cwd=place, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    import psycopg2

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.poll() is None, "PostgreSQL did not start"
        try:
            _execute(f"postgresql://postgres@127.0.0.1:{port}/postgres", "SELECT 1")  # it listens before it serves
            return
        except psycopg2.OperationalError:
            time.sleep(0.05)
    raise AssertionError("PostgreSQL does not answer")
