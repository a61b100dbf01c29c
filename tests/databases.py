"""Database servers for tests: a PostgreSQL and a MariaDB of one's own.

`GLANCELITE_TEST_DB` names what every service that a test makes runs on: sqlite (the default), postgresql or mysql.
"""

import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import harness
import pytest
from harness import free_port

POSTGRES = shutil.which("postgres") or max(
    map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), default="postgres"
)
"""The program that tests with `postgres_url` need, `@pytest.mark.needs(POSTGRES)`; Debian puts it on no path."""
MARIADB = shutil.which("mariadbd") or "/usr/sbin/mariadbd"


KIND = os.environ.get("GLANCELITE_TEST_DB", "sqlite")


@dataclass
class DatabaseServer:
    """A database server below `place`, on a port that it keeps when it is stopped and started."""

    kind: str
    place: Path
    options: Mapping[str, object] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Of the database that it comes with."""
        if self.kind == "postgresql":
            return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        return f"mysql://root@127.0.0.1:{self.port}/mysql"

    def make(self) -> Self:
        """Its files, once."""
        self._prefix = _drop_root(self.place)
        if self.kind == "postgresql":
            words = [_program("initdb"), "--no-sync", "-A", "trust", "-U", "postgres", "-D", f"{self.place}/data"]
        else:
            words = ["mariadb-install-db", "--no-defaults", f"--datadir={self.place}/data", "--skip-test-db"]
        _run([*self._prefix, *words], str(self.place))
        return self

    def start(self) -> Self:
        if self.kind == "postgresql":
            words = [_program("postgres"), "-D", f"{self.place}/data"]
            settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
            settings |= {"max_connections": "300"}
        else:
            words = [MARIADB, "--no-defaults", f"--datadir={self.place}/data", "--skip-grant-tables"]
            settings = {"bind-address": "127.0.0.1", "socket": f"{self.place}/socket", "pid-file": f"{self.place}/pid"}
            settings |= {"innodb-flush-log-at-trx-commit": "0", "max-connections": "500"}
            settings |= {"debug-no-sync": "1", "innodb-flush-method": "nosync"}
        settings = {"port": self.port, **settings, **self.options}
        words += [f"--{name}={value}" for name, value in settings.items()]
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._prefix, *words], cwd=self.place, stdout=log, stderr=log, env=_environment(self.place)
            )
        _wait_until(lambda: read_rows(self.url, "SELECT 1"), self.process, self.place / "log")
        return self

    def stop(self) -> None:
        """At once, without waiting for those who are connected."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT if self.kind == "postgresql" else signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def kill(self) -> None:
        """Without any farewell; PostgreSQL's children leave with SIGQUIT, not with SIGKILL."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT if self.kind == "postgresql" else signal.SIGKILL)
            self.process.wait(60)
            self.process = None


@contextmanager
def database_server(kind: str) -> Iterator[DatabaseServer]:
    """A server of this kind that runs."""
    with tempfile.TemporaryDirectory(prefix=f"{kind}-", ignore_cleanup_errors=True) as place:
        server = DatabaseServer(kind, Path(place)).make()
        try:
            yield server.start()
        finally:
            server.kill()  # nobody will read its files


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL server, as the URL of its first database; `new_database` makes others."""
    with database_server("postgresql") as server:
        yield server.url


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """A running MariaDB server, as a URL; `new_database` makes databases."""
    with database_server("mysql") as server:
        yield server.url


def new_database(url: str, encoding: str = "UTF8") -> str:
    """Make an empty database on the server of this URL; its own URL. The encoding is PostgreSQL's."""
    name = f"test_{uuid.uuid4().hex}"
    how = "" if url.startswith("mysql:") else f" ENCODING '{encoding}' TEMPLATE template0"
    change_rows(url, f"CREATE DATABASE {name}{how}")
    return f"{url.rpartition('/')[0]}/{name}"


def copy_database(url: str) -> str:
    """A new database with what is in this one, which nobody uses meanwhile; its URL."""
    server, _, source = url.rpartition("/")
    name = f"test_{uuid.uuid4().hex}"
    if url.startswith("postgresql:"):
        change_rows(f"{server}/postgres", f"CREATE DATABASE {name} TEMPLATE {source}")
    else:
        change_rows(url, f"CREATE DATABASE {name}")
        for (table,) in read_rows(url, "SHOW TABLES"):
            change_rows(url, f"CREATE TABLE {name}.{table} LIKE {table}")
            change_rows(url, f"INSERT INTO {name}.{table} SELECT * FROM {table}")
    return f"{server}/{name}"


@pytest.fixture(scope="session")
def new_url(request: pytest.FixtureRequest) -> Callable[[], str | None]:
    """Makes an empty database of the kind that GLANCELITE_TEST_DB names; None for SQLite, which needs no server."""
    if KIND == "sqlite":
        return lambda: None
    server = request.getfixturevalue({"postgresql": "postgres_url", "mysql": "mariadb_url"}[KIND])
    return lambda: new_database(server)


@pytest.fixture(scope="session", autouse=True)
def on_chosen_database(new_url: Callable[[], str | None]) -> Iterator[None]:
    """Whatever service a test makes has its database, one a data directory, where GLANCELITE_TEST_DB says."""

    @cache
    def find(data_dir: Path) -> Mapping[str, str]:
        url = new_url()
        return {} if url is None else {"DATABASE_CONNECTION": url}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "database_of", find)
        yield


# Behind the service's back --------------------------------------------------------------------------------------------


def read_rows(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of any database; `?` stands for a value. (Say `blobs.key`: `key` alone is a word of MariaDB.)"""
    with _cursor(url) as cursor:
        _execute(cursor, statement, values)
        return list(cursor.fetchall())


def change_rows(url: str, statement: str, *values: object) -> int:
    """Run a statement that gives no rows; how many it has touched."""
    with _cursor(url) as cursor:
        _execute(cursor, statement, values)
        return int(cursor.rowcount)


@contextmanager
def _cursor(url: str) -> Iterator[Any]:
    with closing(connect(url)) as connection, closing(connection.cursor()) as cursor:
        yield cursor


def connect(url: str) -> Any:
    """A connection that commits each statement by itself."""
    if url.startswith("sqlite:///"):
        return sqlite3.connect(unquote(url.removeprefix("sqlite:///")), timeout=10, isolation_level=None)
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        import psycopg

        return psycopg.connect(url.partition("?")[0], autocommit=True)  # what follows is for the service
    import pymysql

    where = {"host": parts.hostname, "port": parts.port, "user": parts.username, "database": parts.path[1:]}
    quotes = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')"  # a column may be called "key" everywhere
    return pymysql.connect(**where, autocommit=True, init_command=quotes)


def _execute(cursor: Any, statement: str, values: tuple[object, ...]) -> None:
    if isinstance(cursor, sqlite3.Cursor):
        cursor.execute(statement, values)
    else:
        cursor.execute(statement.replace("?", "%s"), values or None)


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


def _environment(place: Path | str) -> dict[str, str]:
    """With a directory of one's own for temporary files: a MariaDB that starts removes those of all others in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TMPDIR": str(place)}


def _run(words: list[str], place: str) -> None:
    done = subprocess.run(words, cwd=place, env=_environment(place), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _wait_until(ask: Callable[[], object], server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the server does what it is asked: it listens before it serves."""
    deadline = time.monotonic() + 90
    while True:
        assert server.poll() is None, f"the database server did not start:\n{log.read_text()[-2000:]}"
        try:
            ask()
            return
        except Exception:
            assert time.monotonic() < deadline, "the database server does not answer"
            time.sleep(0.05)
