"""The database that the migrations make is the one that the models describe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee
import pytest

from glancelite.domain.fields import COLUMNS
from glancelite.registry.database import open_database, sqlite_url
from glancelite.registry.local import LocalRegistry
from glancelite.registry.models import TABLES, ImageRow

HISTORY = "schema_migration"
OWN_COLUMNS = {"is_gone", "properties", "tags", "revision", "deleted_at", "purge_at"}


def describe(db: peewee.Database) -> dict[str, Any]:
    """Columns, keys and indexes of every table."""
    with db.connection_context():
        return {
            table: (
                sorted((c.name, c.data_type, c.null, c.primary_key, c.default) for c in db.get_columns(table)),
                sorted((tuple(i.columns), i.unique) for i in db.get_indexes(table)),
                db.get_primary_keys(table),
            )
            for table in db.get_tables()
            if table != HISTORY
        }


@pytest.fixture
def urls(tmp_path: Path, new_url: Callable[[], str | None]) -> list[str]:
    """Two empty databases."""
    return [new_url() or sqlite_url(tmp_path / name) for name in ("one.sqlite", "two.sqlite")]


def test_the_migrated_database_is_the_one_of_the_models(urls: list[str]) -> None:
    migrated, made = (open_database(url, 2) for url in urls)
    LocalRegistry(migrated).upgrade()
    with made.connection_context(), made.bind_ctx(TABLES):
        made.create_tables(TABLES)
    assert describe(migrated) == describe(made)
    assert set(describe(made)) == {table._meta.table_name for table in TABLES}
    for db in (migrated, made):
        db.close_all()


def test_images_have_a_column_for_each_field_of_the_table() -> None:
    assert set(ImageRow._meta.columns) == {field.name for field in COLUMNS} | OWN_COLUMNS


def test_migrations_are_numbered_without_a_gap() -> None:
    from glancelite.registry import schema

    numbers = sorted(int(path.stem[:4]) for path in schema._DIRECTORY.glob("[0-9]*.py"))
    assert numbers == list(range(1, len(numbers) + 1))
