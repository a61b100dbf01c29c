"""A registry to examine: on SQLite, or on the database that GLANCELITE_TEST_DB names by its URL."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

for name in ("registry_contract", "registry_images", "registry_blobs", "store_contract"):
    pytest.register_assert_rewrite(f"contract.{name}")

from glancelite.registry.database import open_database, sqlite_url  # noqa: E402
from glancelite.registry.local import LocalRegistry  # noqa: E402
from glancelite.registry.models import TABLES  # noqa: E402

Statements = list[str]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalRegistry]:
    """A registry in this process over an empty database."""
    url = os.environ.get("GLANCELITE_TEST_DB") or sqlite_url(tmp_path / "registry.sqlite")
    registry = LocalRegistry(open_database(url, 32))
    _empty(registry)
    registry.upgrade()
    yield registry
    registry.close()


def _empty(registry: LocalRegistry) -> None:
    with registry._db.connection_context():
        for name in (*(table._meta.table_name for table in TABLES), "schema_migration"):
            registry._db.execute_sql(f"DROP TABLE IF EXISTS {name}")


@pytest.fixture
def statements(local: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Statements]:
    """What the database was told since this was last asked, beginnings and ends of transactions included."""
    told: Statements = []
    db, is_sqlite = local._db, local._dialect == "sqlite"
    add_connection = db._add_conn_hooks if is_sqlite else None
    execute = db.execute_sql

    def watch(connection: object) -> None:
        assert add_connection is not None
        add_connection(connection)
        connection.set_trace_callback(told.append)  # type: ignore[attr-defined]

    def counted(sql: str, *rest: object, **more: object) -> object:
        told.append(sql)
        return execute(sql, *rest, **more)

    if is_sqlite:
        monkeypatch.setattr(db, "_add_conn_hooks", watch)
    else:
        monkeypatch.setattr(db, "execute_sql", counted)
    local.close()

    def since() -> Statements:
        found = [sql for sql in told if not sql.startswith("PRAGMA")]
        told.clear()
        return found

    return since
