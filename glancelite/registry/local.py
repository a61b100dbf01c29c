"""LocalRegistry: the registry in this process, over its database."""

from pathlib import Path

from ..config import Config
from ..domain.ports import Registry, RegistryStatus
from .checks import CheckQueries
from .database import open_database, repeating, sqlite_url
from .schema import applied_migration, newest_migration, upgrade
from .upkeep import UpkeepQueries


class LocalRegistry(CheckQueries, UpkeepQueries, Registry):
    """Runs every operation of the port as one transaction on the configured database."""

    def show_status(self) -> RegistryStatus:
        with self._connection():
            applied = applied_migration(self._db)
        return RegistryStatus(schema=applied, is_current=applied == newest_migration())

    def upgrade(self) -> list[str]:
        """Bring the schema up to date; the migrations that ran."""
        with self._connection():
            return upgrade(self._db)


for _operation in Registry.__abstractmethods__:
    setattr(LocalRegistry, _operation, repeating(getattr(LocalRegistry, _operation)))


def open_registry(config: Config) -> LocalRegistry:
    """The registry on the configured database; by default a SQLite file in the data directory."""
    url = config["database.connection"] or sqlite_url(Path(config["data_dir"]) / "glancelite.sqlite")
    return LocalRegistry(open_database(url, config["database.max_connections"]))
