"""A registry to examine: on SQLite, or on a server of the kind that GLANCELITE_TEST_DB names."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

for name in ("registry_contract", "registry_images", "registry_blobs", "registry_tasks", "store_contract"):
    pytest.register_assert_rewrite(f"contract.{name}")

from glancelite.registry.database import open_database, sqlite_url  # noqa: E402
from glancelite.registry.local import LocalRegistry  # noqa: E402

Statements = list[str]


@pytest.fixture
def local(tmp_path: Path, new_url: Callable[[], str | None]) -> Iterator[LocalRegistry]:
    """A registry in this process over an empty database."""
    registry = LocalRegistry(open_database(new_url() or sqlite_url(tmp_path / "registry.sqlite"), 32))
    registry.upgrade()
    yield registry
    registry.close()


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
