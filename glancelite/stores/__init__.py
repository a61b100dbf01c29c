"""The stores of this node: which driver serves which, and the set that the use-cases choose from."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..config import Config
from ..domain.ports import Registry, Store
from ..errors import ConfigError


def _open_file(store_id: str, config: Config) -> Store:
    from .file import FileStore

    directory = config["glance_store.filesystem_store_datadir"] or config.data_dir / "images"
    return FileStore(store_id, Path(directory).absolute())


def _open_memory(store_id: str, config: Config) -> Store:
    from .memory import MemoryStore

    if config["server.workers"] > 1:
        raise ConfigError(reason="The memory store is one process's: set [server] workers = 1, or use another store.")
    return MemoryStore(store_id)


DRIVERS: Mapping[str, Callable[[str, Config], Store]] = {"file": _open_file, "memory": _open_memory}
"""Drivers by name. Each is imported only when a store of its kind is configured."""


class StoreSet:
    """The configured stores by id, and the one that takes images when a request names none."""

    def __init__(self, stores: Mapping[str, Store], default: str) -> None:
        self._stores = dict(stores)
        self.default = self._stores[default]

    def __iter__(self) -> Iterator[Store]:
        return iter(self._stores.values())

    def get(self, store_id: str) -> Store | None:
        return self._stores.get(store_id)

    def attach(self, registry: Registry) -> None:
        """Let each store compare its place with what the registry knows of it."""
        for store in self:
            store.attach(registry)


def open_stores(config: Config) -> StoreSet:
    """The stores that the configuration names; ConfigError for a driver that there is not."""
    name = config["glance_store.default_store"]
    if name not in DRIVERS:
        reason = f"[glance_store] default_store is '{name}'; the drivers are {', '.join(sorted(DRIVERS))}."
        raise ConfigError(reason=reason)
    return StoreSet({name: DRIVERS[name](name, config)}, name)
