"""The database's schema: bring it up to date, tell its version. Migrations are numbered files beside this one.

The runner that peewee ships takes no lock, so two starting servers would run one migration twice; here a lock of the
database's own kind is held around it (for SQLite a file beside the database).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from ..errors import ConfigError, RegistryUnavailable
from .database import dialect, prefer_wal

_DIRECTORY = Path(__file__).parent / "migrations"
_LOCK_NAME = "glancelite-schema"
_LOCK_NUMBER = 0x676C616E
_PATIENCE = 60


def newest_migration() -> str:
    """The name of the last migration that this code knows."""
    return sorted(path.stem for path in _DIRECTORY.glob("[0-9]*.py"))[-1]


def applied_migration(db: peewee.Database) -> str:
    """The name of the last migration that the database has seen; empty for an empty database."""
    return max(_runner(db).applied(), default="")


def upgrade(db: peewee.Database) -> list[str]:
    """Run the migrations that are missing; their names."""
    _require_utf8(db)
    with _lock(db):
        prefer_wal(db)
        applied: list[str] = _runner(db).up()
        return applied


def _require_utf8(db: peewee.Database) -> None:
    """PostgreSQL counts bytes where it does not know the encoding, and refuses what other encodings lack."""
    if dialect(db) != "postgres":
        return
    (encoding,) = db.execute_sql("SHOW server_encoding").fetchone()
    if encoding != "UTF8":
        reason = f"The database's encoding is {encoding}; make it with: CREATE DATABASE … ENCODING 'UTF8'."
        raise ConfigError(reason=reason)


def _runner(db: peewee.Database) -> Runner:
    return Runner(db, directory=str(_DIRECTORY))


@contextmanager
def _lock(db: peewee.Database) -> Iterator[None]:
    kind = dialect(db)
    if kind == "sqlite":
        with Path(f"{db.database}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    elif kind == "postgres":
        db.execute_sql("SELECT pg_advisory_lock(%s)", (_LOCK_NUMBER,))
        try:
            yield
        finally:
            db.execute_sql("SELECT pg_advisory_unlock(%s)", (_LOCK_NUMBER,))
    else:
        row = db.execute_sql("SELECT GET_LOCK(%s, %s)", (_LOCK_NAME, _PATIENCE)).fetchone()
        if row[0] != 1:
            raise RegistryUnavailable(reason="another server is changing the database's schema")
        try:
            yield
        finally:
            db.execute_sql("SELECT RELEASE_LOCK(%s)", (_LOCK_NAME,))
