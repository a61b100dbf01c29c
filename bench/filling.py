"""Fills a database with images: some are made through the API, then their rows are copied by SQL.

A copy gets an id of its own (in whatever table and text the id stands) and is older than the image it was copied from.
So nothing here knows the tables of a schema, and the same is done to Glance's.
"""

import re
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, Protocol

from bench.load import Client
from bench.postgres import connect, execute
from bench.target import Target

MODELS = 20
_BATCH = 1000
_STEP = 1009
"""Microseconds between copies; SQLite's clock tells milliseconds, and no two images shall be of one moment."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMES = ("created_at", "updated_at")


class _Database(Protocol):
    def tables(self) -> dict[str, list[str]]: ...
    def rows(self, table: str, columns: Sequence[str], key: str, image_id: str) -> list[tuple[Any, ...]]: ...
    def insert(self, table: str, columns: Sequence[str], rows: list[list[Any]]) -> None: ...


def fill(target: Target, count: int) -> None:
    """Make `count` images of the project `bench`, each with 3 properties, 2 tags and its data."""
    client = target.client()
    models = [_make_model(client, number) for number in range(min(MODELS, count))]
    client.close()
    if "://" in target.database:
        with connect(target.database) as connection:
            connection.autocommit = False
            _copy(_Postgres(connection), models, count - len(models))
            connection.commit()
        execute(target.database, "VACUUM ANALYZE")
    else:
        with closing(sqlite3.connect(target.database, timeout=60)) as connection, connection:
            _copy(_Sqlite(connection), models, count - len(models))


def _make_model(client: Client, number: int) -> str:
    fields = {"bench_model": f"m{number}", "bench_third": f"t{number % 3}", "bench_all": "everywhere"}
    image = client.create(name=f"image {number}", tags=[f"model-{number}", "filled"], **fields)
    client.request("PUT", f"/v2/images/{image['id']}/file", b"glancelite" * 100, "application/octet-stream")
    return str(image["id"])


def _copy(database: _Database, models: list[str], count: int) -> None:
    tables = database.tables()
    for number, model in enumerate(models):
        steps = range(number, count, len(models))
        found = {}
        for table in sorted(tables, key=lambda name: name != "images"):
            key = "id" if table == "images" else "image_id"
            rows = database.rows(table, tables[table], key, model)
            if rows:
                found[table] = rows
        names = _own_names(tables, found)
        ids = [{name: str(uuid.uuid4()) for name in names} for _ in steps]
        for table, rows in found.items():
            copies = (
                _renew(row, tables[table], new, step + 1) for step, new in zip(steps, ids, strict=True) for row in rows
            )
            for batch in _batches(copies):
                database.insert(table, tables[table], batch)


def _own_names(tables: dict[str, list[str]], found: dict[str, list[tuple[Any, ...]]]) -> set[str]:
    """What may stand once only: the image's id, and the keys of rows that belong to it."""
    return {
        str(value)
        for table, rows in found.items()
        for row in rows
        for column, value in zip(tables[table], row, strict=True)
        if column in ("id", "key") and isinstance(value, str) and _UUID.fullmatch(value)
    }


def _renew(row: Sequence[Any], columns: Sequence[str], names: dict[str, str], step: int) -> list[Any]:
    return [_renew_value(column, value, names, step) for column, value in zip(columns, row, strict=True)]


def _renew_value(column: str, value: Any, names: dict[str, str], step: int) -> Any:
    if isinstance(value, str) and len(value) >= 36:
        return _UUID.sub(lambda match: names.get(match[0], match[0]), value)
    if column in _TIMES and isinstance(value, int):
        return value - step * _STEP
    if column in _TIMES and isinstance(value, datetime):
        return value - timedelta(microseconds=step * _STEP)
    return value


def _batches(rows: Iterator[list[Any]]) -> Iterator[list[list[Any]]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _is_copied(table: str, columns: Sequence[str]) -> bool:
    return table == "images" or "image_id" in columns


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def tables(self) -> dict[str, list[str]]:
        names = [row[0] for row in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in names:
            columns = [(row[1], row[2]) for row in self._connection.execute(f'PRAGMA table_info("{name}")')]
            if _is_copied(name, [column for column, _ in columns]):
                found[name] = [column for column, kind in columns if (column, kind) != ("id", "INTEGER")]
        return found

    def rows(self, table: str, columns: Sequence[str], key: str, image_id: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            f"SELECT {_names(columns)} FROM {table} WHERE {key} = ?", (image_id,)
        ).fetchall()

    def insert(self, table: str, columns: Sequence[str], rows: list[list[Any]]) -> None:
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({_names(columns)}) VALUES ({marks})", rows)


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def tables(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        statement = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = %s"
        kinds: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in self._ask(statement, ("public",)):
            kinds.setdefault(table, []).append((column, kind))
        for table, columns in kinds.items():
            if _is_copied(table, [column for column, _ in columns]):
                found[table] = [column for column, kind in columns if (column, kind) != ("id", "integer")]
        return found

    def rows(self, table: str, columns: Sequence[str], key: str, image_id: str) -> list[tuple[Any, ...]]:
        return self._ask(f"SELECT {_names(columns)} FROM {table} WHERE {key} = %s", (image_id,))

    def insert(self, table: str, columns: Sequence[str], rows: list[list[Any]]) -> None:
        marks = ", ".join(["%s"] * len(columns))
        with self._connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({_names(columns)}) VALUES ({marks})", rows)

    def _ask(self, statement: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
