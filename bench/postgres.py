"""A PostgreSQL server of one's own, as Debian's package comes: on loopback, with fsync on."""

import os
import pwd
import shutil
import signal
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import free_port, run, serving

POSTGRES = max(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), default=shutil.which("postgres"))
"""The server's program; Debian puts it on no path."""


@dataclass(frozen=True)
class Cluster:
    """A running server: its port and pid."""

    port: int
    pid: int

    def new_database(self) -> str:
        """Make an empty database; its URL."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        execute(self._url("postgres"), f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


@contextmanager
def cluster(place: Path) -> Iterator[Cluster]:
    """A fresh server with its data below `place`."""
    assert POSTGRES is not None
    place.mkdir()
    port, words = free_port(), _drop_root(place)
    initdb = Path(POSTGRES).with_name("initdb")
    run([*words, initdb, "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D", place / "data"], cwd=place)
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
    words += [POSTGRES, "-D", str(place / "data"), *(f"--{name}={value}" for name, value in settings.items())]
    url = Cluster(port, 0)._url("postgres")
    with serving(words, place / "log", lambda: execute(url, "SELECT 1"), stop=signal.SIGINT) as pid:
        yield Cluster(port, pid)


@contextmanager
def connect(url: str) -> Iterator[Any]:
    """A connection that commits every statement by itself."""
    import psycopg

    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection


def execute(url: str, statement: str) -> None:
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def _drop_root(place: Path) -> list[str]:
    """The words in front of a command that must not run as root; the place becomes that user's."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--"]
