"""The database under the registry: opening it by URL, its clock, one transaction per operation, and its errors as ours.

SQLite runs in WAL with synchronous=FULL and every write begins IMMEDIATE: with less, an answer given would not survive
a power cut, or two writers would find out about each other too late.
"""

import functools
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote, unquote

import peewee
from playhouse import db_url
from playhouse.pool import MaxConnectionsExceeded

from ..errors import ConfigError, RegistryFull, RegistryUnavailable
from .pools import MysqlPool, SqlitePool

Operation = TypeVar("Operation", bound=Callable[..., Any])

_TRIES = 7
_FIRST_PAUSE = 0.01
_MOST_TEXTS = 1000
"""Statements to remember; their number is limited, if not by much, by what callers can ask for."""
_WAIT = 10
"""Seconds to wait for a free connection, or for SQLite's write lock."""

_CLOCKS = {
    "sqlite": "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000",
    "postgres": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
    "mysql": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
}

_INSTANTS = {"postgres": _CLOCKS["postgres"].replace("clock_timestamp", "statement_timestamp")}
"""Where the clock goes on while a statement runs: what it reads for two columns that must be the same."""

_DIALECT_SETTINGS: dict[str, dict[str, Any]] = {
    # A database that was made with SQL_ASCII would have its client speak ASCII.
    "postgresql": {"field_types": {"LONGTEXT": "TEXT"}, "client_encoding": "UTF8"},
    # Every change compares what it finds with what it expects, and must find what others have committed.
    "mysql": {"charset": "utf8mb4", "init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
}


def _pool_of(scheme: str) -> Any:
    """The pool of a database server; ImportError without its driver."""
    if scheme == "mysql":
        return MysqlPool
    from .postgres import PostgresPool

    return PostgresPool


def open_database(url: str, max_connections: int) -> peewee.Database:
    """A database from its URL, not yet connected; ConfigError when the URL or its driver is none we can use."""
    if file := sqlite_file(url):
        return _open_sqlite(file, max_connections)
    scheme, colon, rest = url.partition("://")
    scheme = {"postgres": "postgresql", "mysql+pymysql": "mysql", "mariadb": "mysql"}.get(scheme, scheme)
    if not colon or scheme not in _DIALECT_SETTINGS:
        raise ConfigError(
            reason="[database] connection is none of sqlite:///PATH, postgresql://… or mysql://…"
            + (f": {scheme}://…" if colon else ".")
        )
    try:
        parts = db_url.parse(f"{scheme}://{rest}", unquote_password=True, unquote_user=True)
        if not parts["database"]:
            raise _unreadable()
        return _pool_of(scheme)(
            **parts, max_connections=max_connections, timeout=_WAIT, stale_timeout=300, **_DIALECT_SETTINGS[scheme]
        )
    except ValueError:
        raise _unreadable() from None
    except (peewee.ImproperlyConfigured, ImportError) as error:
        extra = "postgres" if scheme == "postgresql" else "mysql"
        raise ConfigError(
            reason=f"For this database, install its driver: pip install 'glancelite[{extra}]'."
        ) from error


def _unreadable() -> ConfigError:
    """It repeats nothing of the URL, which has a password in it."""
    return ConfigError(
        reason="[database] connection is no URL that is understood: in user and password, write @ as %40, : as %3A, "
        "/ as %2F, # as %23, ? as %3F, [ as %5B and % as %25; it ends with /NAME of the database."
    )


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file."""
    return "sqlite:///" + quote(str(file), safe="/ ").replace(" ", "%20")


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for others."""
    path = url.removeprefix("sqlite:///")
    return None if path == url else Path(unquote(path))


def _open_sqlite(file: Path, max_connections: int) -> peewee.Database:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(reason=f"The database's directory {file.parent} cannot be made: {error.strerror}.") from error
    return SqlitePool(
        str(file),
        pragmas={
            "synchronous": "full",
            "foreign_keys": 1,
            "temp_store": "memory",
            "busy_timeout": _WAIT * 1000,
        },
        timeout=_WAIT,
        max_connections=max_connections,
        check_same_thread=False,
    )


def dialect(db: peewee.Database) -> str:
    """sqlite, postgres or mysql."""
    if isinstance(db, peewee.SqliteDatabase):
        return "sqlite"
    return "postgres" if isinstance(db, peewee.PostgresqlDatabase) else "mysql"


def prefer_wal(db: peewee.Database) -> None:
    """Put a SQLite file into WAL mode, for good. Two at once would be refused, not wait: hold the schema's lock."""
    if dialect(db) == "sqlite":
        db.execute_sql("PRAGMA journal_mode = wal")


class _Name(str):
    """A value that is given when the statement is run."""


def value_of(name: str) -> peewee.Value:
    """The place of a value in a statement of `Connected._run`."""
    return peewee.Value(_Name(name), converter=False)


class Connected:
    """A database with its clock, transactions and errors. The registry's queries are mixed into it, a noun each."""

    def __init__(self, db: peewee.Database) -> None:
        self._db = db
        self._dialect = dialect(db)
        self._now = peewee.SQL(_CLOCKS[self._dialect])
        self._instant = peewee.SQL(_INSTANTS.get(self._dialect, _CLOCKS[self._dialect]))
        self._line = threading.RLock()
        self._texts: dict[Hashable, tuple[str, list[Any]]] = {}
        self._hold: Callable[[str, Sequence[Any]], Any] = getattr(db, "hold", db.execute_sql)

    def close(self) -> None:
        """Close every connection: before a fork, and at the end."""
        if not self._db.is_closed():
            self._db.close()
        self._db.close_all() if hasattr(self._db, "close_all") else None

    @contextmanager
    def _connection(self) -> Iterator[None]:
        try:
            with self._db.connection_context():
                yield
        except MaxConnectionsExceeded as error:
            raise RegistryUnavailable(reason="all database connections are in use") from error
        except (peewee.OperationalError, peewee.InterfaceError, peewee.InternalError) as error:
            self._forget_connections()
            raise _translated(error) from error
        except peewee.DatabaseError as error:
            if type(error) is not peewee.DatabaseError:
                raise
            raise RegistryUnavailable(reason=f"database: {error}") from error  # SQLite's word for a damaged file

    def _forget_connections(self) -> None:
        """After a failure none that was open before is believed: the server may have gone away."""
        if self._dialect != "sqlite":
            self._db.close_idle()

    def _close_spare(self) -> None:
        """To be called now and then. The other pools end what is idle when it is old."""
        if self._dialect == "sqlite":
            self._db.close_spare()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite has one writer at a time; others look now and then whether it is free, and of many some never
        find it so. The writers of one process stand in line instead."""
        if self._dialect != "sqlite":
            yield
        elif self._line.acquire(timeout=_WAIT):
            try:
                yield
            finally:
                self._line.release()
        else:
            raise RegistryUnavailable(reason="database: the line of those who want to write is too long")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One transaction that commits when the block ends and leaves nothing when it raises."""
        is_done = False
        begin = ["IMMEDIATE"] if self._dialect == "sqlite" else []
        try:
            with self._turn(), self._connection(), self._db.atomic(*begin):
                yield
                is_done = True
        except Repeatable as error:
            if is_done and not _is_undone(error):  # lost in the commit: whether that took place is not known
                raise RegistryUnavailable(**error.details) from error
            raise

    def _run(self, name: Hashable, build: Callable[[], peewee.Query], /, **values: Any) -> Any:
        """Run a statement of the busy paths; its cursor.

        peewee writes its text the first time, which costs more than most databases need to run it; later only the
        values are filled in. `name` is the statement's own, with all that decides over its text.
        """
        return self._db.execute_sql(*self._statement(name, build, values))

    def _send(self, name: Hashable, build: Callable[[], peewee.Query], /, **values: Any) -> None:
        """As `_run`, when nothing depends on what it answers: it may be sent with what follows in its transaction."""
        self._hold(*self._statement(name, build, values))

    def _statement(
        self, name: Hashable, build: Callable[[], peewee.Query], values: Mapping[str, Any]
    ) -> tuple[str, list[Any]]:
        found = self._texts.get(name)
        if found is None:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            found = self._texts[name] = self._db.get_sql_context().sql(build()).query()
        text, parameters = found
        return text, [values[p] if isinstance(p, _Name) else p for p in parameters]

    def _count(self, name: Hashable, build: Callable[[], peewee.Query], /, **values: Any) -> int:
        """As `_run`; how many rows it touched."""
        count: int = self._run(name, build, **values).rowcount
        return count

    def _insert(self, name: str, table: Any, columns: Mapping[str, Any], **found: peewee.Query) -> None:
        """Insert a row; the same columns under the same name each time. `found`: columns that the database looks up."""
        self._send(name, lambda: table.insert({column: value_of(column) for column in columns} | found), **columns)

    def _rows(self, query: peewee.Query) -> Sequence[tuple[Any, ...]]:
        rows: Sequence[tuple[Any, ...]] = self._db.execute(query).fetchall()
        return rows

    def _row(self, query: peewee.Query) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(query).fetchone()
        return row

    def _do(self, query: peewee.Query) -> None:
        """Run an insert, update or delete, however many rows it touches; it may be sent with what follows."""
        self._hold(*self._db.get_sql_context().sql(query).query())

    def _change(self, query: peewee.Query) -> int:
        """Run an insert, update or delete; how many rows it touched."""
        count: int = self._db.execute(query).rowcount
        return count

    def _read_clock(self) -> int:
        """Now."""
        (now,) = self._row(peewee.Select(columns=[self._now])) or (0,)
        return int(now)

    def _after(self, seconds: float) -> peewee.SQL:
        """A moment from now, by the database's clock."""
        return peewee.SQL(f"({_CLOCKS[self._dialect]} + {int(seconds * 1_000_000)})")


class Repeatable(RegistryUnavailable):
    """Nothing was done, because of a rival or a lost connection; the same operation may do better at once."""

    code = "registry-repeatable"


def repeating(operation: Operation) -> Operation:
    """The operation, done again while that may help: rivals give way in a moment, a new connection is made at once."""

    @functools.wraps(operation)
    def repeat(*args: Any, **kwargs: Any) -> Any:
        pause = _FIRST_PAUSE
        for _ in range(_TRIES - 1):
            try:
                return operation(*args, **kwargs)
            except Repeatable:
                time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads load, guards nothing
                pause *= 2
        try:
            return operation(*args, **kwargs)
        except Repeatable as error:
            raise RegistryUnavailable(**error.details) from error

    return cast(Operation, repeat)


def _is_undone(error: Exception) -> bool:
    """Did PostgreSQL itself refuse one of the statements that were sent with the commit, or the commit? MariaDB does
    so before it."""
    cause = getattr(error.__cause__, "orig", None)
    diagnosis = getattr(cause, "diag", None)
    is_refused = getattr(diagnosis, "severity_nonlocalized", None) == "ERROR"
    return is_refused and getattr(diagnosis, "sqlstate", None) != "40003"  # statement_completion_unknown


def _translated(error: Exception) -> RegistryUnavailable | RegistryFull:
    cause = error.__cause__ or getattr(error, "orig", None) or error
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        return RegistryFull()
    if "disk is full" in text:
        return RegistryFull()
    if "database is locked" in text:  # SQLite has waited for its lock already
        return RegistryUnavailable(reason=f"database: {text}")
    return Repeatable(reason=f"database: {text}")
