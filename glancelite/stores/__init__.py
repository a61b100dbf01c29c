"""The stores of this node: which driver serves which, and the set that the use-cases choose from."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..config import OPTIONS, Config, Option
from ..domain.ports import ForeignStore, LocalStore, Registry, Store
from ..errors import ConfigError
from ..fetch import read_rules

RESERVED_PREFIX = "os_glance_"
SINGLE = "glance_store"
STAGING = "os_glance_staging_store"
"""The section of the only store, where `enabled_backends` names none; and the store of what waits for its import."""

COMMON_OPTIONS = (
    Option("", "store_description", "str", "", "What the store is, for who chooses one."),
    Option("", "weight", "int", 0, "Of several stores that hold an image, the heavier is read first."),
)
HTTP_OPTIONS = (
    Option("", "https_ca_certificates_file", "path", "", "Certificates of the authorities that the http store trusts. "
           "Empty: the system's."),
    Option("", "https_insecure", "bool", False, "Let the http store trust any certificate, and so anybody on the way."),
)  # fmt: skip
FILE_OPTIONS = (Option("", "filesystem_store_datadir", "path", "", "Directory of the store. Empty: one in data_dir."),)
STAGING_OPTIONS = (
    Option(STAGING, "filesystem_store_datadir", "path", "", "Directory of data that waits for its import; several "
           "nodes share one. Empty: staging in data_dir."),
)  # fmt: skip
AnyStore = TypeVar("AnyStore", Store, ForeignStore)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)


def _open_file(store_id: str, section: str, config: Config) -> Store:
    from .file import FileStore

    own = config.data_dir / ("images" if section == SINGLE else f"stores/{store_id}")
    return FileStore(store_id, Path(config[f"{section}.filesystem_store_datadir"] or own).absolute())


def _open_memory(store_id: str, section: str, config: Config) -> Store:
    from .memory import MemoryStore

    if config["server.workers"] > 1:
        raise ConfigError(reason="The memory store is one process's: set [server] workers = 1, or use another store.")
    return MemoryStore(store_id)


def _open_http(store_id: str, section: str, config: Config) -> ForeignStore:
    from .http import HttpStore

    return HttpStore(
        store_id,
        read_rules(config),
        cap=config["image_size_cap"],
        ca_file=config[f"{section}.https_ca_certificates_file"],
        insecure=config[f"{section}.https_insecure"],
    )


DRIVERS: Mapping[str, tuple[Callable[[str, str, Config], Store], tuple[Option, ...]]] = {
    "file": (_open_file, FILE_OPTIONS),
    "memory": (_open_memory, ()),
}
"""Drivers by name, with their options. Each is imported only when a store of its kind is configured."""

FOREIGN: Mapping[str, tuple[Callable[[str, str, Config], ForeignStore], tuple[Option, ...]]] = {
    "http": (_open_http, HTTP_OPTIONS),
}
"""Drivers that read what others keep."""


class StoreSet:
    """The configured stores by id, and the one that takes images when a request names none."""

    def __init__(
        self,
        stores: Mapping[str, Store],
        default: str,
        *,
        staging: LocalStore,
        is_multi: bool,
        foreign: Mapping[str, ForeignStore],
    ) -> None:
        self._stores = dict(stores)
        self.staging = staging
        """Where data waits for its import; no request can name it."""
        self.foreign = dict(foreign)
        """Stores that are only read, by id."""
        self.default = self._stores[default]
        self.is_multi = is_multi
        """Do requests and images speak of stores at all?"""

    def __iter__(self) -> Iterator[Store]:
        return iter(self._stores.values())

    def get(self, store_id: str) -> Store | None:
        return self._stores.get(store_id)

    def find_foreign(self, url: str) -> ForeignStore | None:
        """The store that reads URLs of this scheme."""
        scheme = url.partition(":")[0].lower()
        return next((store for store in self.foreign.values() if scheme in store.schemes), None)

    @property
    def places(self) -> tuple[Store, ...]:
        """All that bytes of ours are in: the stores, and staging."""
        return *self, self.staging

    def attach(self, registry: Registry) -> None:
        """Let each store compare its place with what the registry knows of it."""
        for store in self.places:
            store.attach(registry)


def store_options(enabled: Iterable[str]) -> tuple[Option, ...]:
    """The options of the sections that `enabled_backends` brings; ConfigError for entries that make no store."""
    options: list[Option] = []
    for store_id, driver in _parse_enabled(enabled).items():
        own = (DRIVERS.get(driver) or FOREIGN[driver])[1]
        options += [replace(option, section=store_id) for option in (*COMMON_OPTIONS, *own)]
    return (*options, *(replace(option, section=SINGLE) for option in HTTP_OPTIONS), *STAGING_OPTIONS)


def _parse_enabled(enabled: Iterable[str]) -> dict[str, str]:
    """Store ids with their drivers."""
    found: dict[str, str] = {}
    taken = {option.section for option in OPTIONS}
    for entry in enabled:
        store_id, _, driver = (part.strip() for part in entry.partition(":"))
        if not _ID.fullmatch(store_id) or store_id in found or store_id in taken:
            raise ConfigError(reason=f"enabled_backends: '{store_id}' is no id for a store, or is taken.")
        if store_id.startswith(RESERVED_PREFIX):
            raise ConfigError(
                reason=f"enabled_backends: '{store_id}' is reserved; ids may not begin {RESERVED_PREFIX}."
            )
        _require_driver("enabled_backends", driver, {**DRIVERS, **FOREIGN})
        found[store_id] = driver
    return found


def _require_driver(where: str, driver: str, drivers: Iterable[str]) -> None:
    if driver not in drivers:
        raise ConfigError(reason=f"{where}: there is no driver '{driver}'; there are {', '.join(sorted(drivers))}.")


def open_stores(config: Config) -> StoreSet:
    """The stores that the configuration names."""
    enabled = _parse_enabled(config["enabled_backends"])
    if not enabled:
        name = config["glance_store.default_store"]
        _require_driver("[glance_store] default_store", name, DRIVERS)
        stores = {name: DRIVERS[name][0](name, SINGLE, config)}
        readers = {one: FOREIGN[one][0](one, SINGLE, config) for one in config["glance_store.stores"] if one in FOREIGN}
        return StoreSet(stores, name, staging=_open_staging(config), is_multi=False, foreign=readers)
    default = config["glance_store.default_backend"]
    if enabled.get(default) not in DRIVERS:
        reason = f"[glance_store] default_backend is '{default}'; it must be one of the stores that take images."
        raise ConfigError(reason=reason)
    stores = {
        one: _named(DRIVERS[name][0](one, one, config), config) for one, name in enabled.items() if name in DRIVERS
    }
    foreign = {
        one: _named(FOREIGN[name][0](one, one, config), config) for one, name in enabled.items() if name in FOREIGN
    }
    return StoreSet(stores, default, staging=_open_staging(config), is_multi=True, foreign=foreign)


def _open_staging(config: Config) -> LocalStore:
    from .file import FileStore

    own = config.data_dir / "staging"
    directory = Path(config[f"{STAGING}.filesystem_store_datadir"] or own).absolute()
    return FileStore(STAGING, directory, is_read_soon=True)


def _named(store: AnyStore, config: Config) -> AnyStore:
    store.description = config[f"{store.id}.store_description"]
    store.weight = config[f"{store.id}.weight"]
    return store
