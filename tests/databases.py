"""Database servers for tests: a PostgreSQL and a MariaDB of one's own, started when the first test asks for it.

`GLANCELITE_TEST_DB` names what the shared services run on: sqlite (the default), postgresql or mysql.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import free_port

POSTGRES = shutil.which("postgres") or max(
    map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), default="postgres"
)
"""The program that tests with `postgres_url` need, `@pytest.mark.needs(POSTGRES)`; Debian puts it on no path."""
MARIADB = shutil.which("mariadbd") or "/usr/sbin/mariadbd"


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
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            _wait_until(lambda: _execute(url, "SELECT 1"), server)
            yield url
        finally:
            server.terminate()
            server.wait(30)


def new_database(url: str, encoding: str = "UTF8") -> str:
    """Make an empty database on the server of this URL; its own URL. The encoding is PostgreSQL's."""
    name = f"test_{uuid.uuid4().hex}"
    if url.startswith("mysql:"):
        _execute_mysql(url, f"CREATE DATABASE {name}")
    else:
        _execute(url, f"CREATE DATABASE \"{name}\" ENCODING '{encoding}' TEMPLATE template0")
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """A running MariaDB server, as a URL; `new_database` makes databases."""
    with tempfile.TemporaryDirectory(prefix="mariadb-", ignore_cleanup_errors=True) as place:
        port, as_nobody = free_port(), _drop_root(Path(place))
        data = [f"--datadir={place}/data", "--no-defaults"]
        _run([*as_nobody, "mariadb-install-db", data[1], data[0], "--skip-test-db"], place)
        settings = {"port": port, "socket": f"{place}/socket", "bind-address": "127.0.0.1", "pid-file": f"{place}/pid"}
        words = [MARIADB, data[1], data[0], *(f"--{name}={value}" for name, value in settings.items())]
        words += ["--skip-grant-tables", "--innodb-flush-log-at-trx-commit=0", "--max-connections=500"]
        with (Path(place) / "log").open("wb") as log:
            server = subprocess.Popen([*as_nobody, *words], cwd=place, stdout=log, stderr=log, env=_environment())
        try:
            url = f"mysql://root@127.0.0.1:{port}/mysql"
            _wait_until(lambda: _execute_mysql(url, "SELECT 1"), server)
            yield url
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="session")
def new_url(request: pytest.FixtureRequest) -> Callable[[], str | None]:
    """Makes an empty database of the kind that GLANCELITE_TEST_DB names; None for SQLite, which needs no server."""
    kind = os.environ.get("GLANCELITE_TEST_DB", "sqlite")
    if kind == "sqlite":
        return lambda: None
    server = request.getfixturevalue({"postgresql": "postgres_url", "mysql": "mariadb_url"}[kind])
    return lambda: new_database(server)


def on_database(new_url: Callable[[], str | None]) -> dict[str, str]:
    """The option that puts a service on a fresh database of the chosen kind."""
    url = new_url()
    return {} if url is None else {"DATABASE_CONNECTION": url}


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


def _execute_mysql(url: str, statement: str) -> None:
    import pymysql

    parts = urlsplit(url)
    connection = pymysql.connect(host=parts.hostname, port=parts.port or 0, user=parts.username, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
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


def _wait_until(ask: Callable[[], object], server: "subprocess.Popen[bytes]") -> None:
    """Until the server does what it is asked: it listens before it serves."""
    deadline = time.monotonic() + 30
    while True:
        assert server.poll() is None, "the database server did not start"
        try:
            ask()
            return
        except Exception:
            assert time.monotonic() < deadline, "the database server does not answer"
            time.sleep(0.05)
