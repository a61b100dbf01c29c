"""`glancelite store`: the places for bytes, as who runs the service sees them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glancelite.cli.output import View, print_many, print_one, shows_many, shows_one
from glancelite.errors import ConfigError

from .settings import FOUND_SOMETHING, configured, load_config, open_services

if TYPE_CHECKING:
    from glancelite.domain.ports import ForeignStore, Store
    from glancelite.usecases.services import Services


@click.group(name="store")
def command() -> None:
    """List, show and try the stores: where the service keeps the data of images."""


@command.command("list")
@shows_many
@configured
def list_stores(view: View, config_file: Path | None, data_dir: Path | None) -> None:
    """List the stores with what is in them. Free and Size are bytes; only data that is ours is counted."""
    services = open_services(load_config(config_file, data_dir))
    records = [_describe(services, store) for store in _all(services)]
    services.registry.close()
    columns = {
        "ID": "id", "Driver": "driver", "Default": "default", "Weight": "weight", "Images": "images", "Size": "bytes",
        "Free": "free", "State": "state",
    }  # fmt: skip
    print_many(list(columns), [[record[name] for name in columns.values()] for record in records], view)


@command.command()
@click.argument("store_id", metavar="STORE")
@shows_one
@configured
def show(view: View, store_id: str, config_file: Path | None, data_dir: Path | None) -> None:
    """Show a store: its driver and place, its free space, and what is in it."""
    services = open_services(load_config(config_file, data_dir))
    record = _describe(services, _find(services, store_id))
    services.registry.close()
    print_one(record, view)


@command.command()
@click.argument("store_ids", metavar="[STORE]...", nargs=-1)
@shows_many
@configured
def check(view: View, store_ids: tuple[str, ...], config_file: Path | None, data_dir: Path | None) -> int:
    """Try stores (all unless some are named): write an object, read it, compare it, delete it. Says each step.

    Exit code 0 when all works, 4 when something does not.
    """
    from glancelite.domain.ports import Store
    from glancelite.usecases.stock import try_store

    services = open_services(load_config(config_file, data_dir))
    rows: list[list[Any]] = []
    for store in [_find(services, one) for one in store_ids] or [*services.stores.places]:
        if not isinstance(store, Store):
            rows.append([store.id, "write", "left out: it only reads what others keep", None])
        elif not store.is_shared:
            rows.append([store.id, "write", "left out: it is in the memory of the service", None])
        else:
            rows += [[store.id, step.name, step.fault or "ok", round(step.seconds, 3)] for step in try_store(store)]
    services.registry.close()
    print_many(["Store", "Step", "Result", "Seconds"], rows, view)
    return FOUND_SOMETHING if any(row[2] != "ok" and row[3] is not None for row in rows) else 0


@command.command()
@shows_many
@configured
def usage(view: View, config_file: Path | None, data_dir: Path | None) -> None:
    """List how many images and bytes each store has, what is being written, and what is about to be deleted."""
    from glancelite.usecases.stock import Stock, count_stock

    services = open_services(load_config(config_file, data_dir))
    rows = [[store.id, *asdict(count_stock(services, store.id)).values()] for store in services.stores.places]
    services.registry.close()
    titles = [name.replace("_", " ").title() for name in asdict(Stock())]
    print_many(["ID", *titles], rows, view)


def _all(services: "Services") -> list["Store | ForeignStore"]:
    return [*services.stores.places, *services.stores.foreign.values()]


def _find(services: "Services", store_id: str) -> "Store | ForeignStore":
    known = {store.id: store for store in _all(services)}
    if store_id not in known:
        raise ConfigError(reason=f"There is no store '{store_id}'; there are: {', '.join(known)}.")
    return known[store_id]


def _describe(services: "Services", store: "Store | ForeignStore") -> dict[str, Any]:
    from glancelite.domain.ports import Store, StoreStatus
    from glancelite.usecases.stock import count_stock

    is_ours = isinstance(store, Store)
    status = store.check() if isinstance(store, Store) else StoreStatus()
    stock = count_stock(services, store.id) if is_ours else None
    purpose = "staging" if store is services.stores.staging else None if is_ours else "read-only"
    return {
        "id": store.id,
        "driver": store.driver,
        "description": store.description or None,
        "default": store is services.stores.default,
        "weight": store.weight,
        "images": stock.images if stock else None,
        "bytes": stock.bytes + stock.staged_bytes if stock else None,
        "free": status.free,
        "state": status.reason or purpose or "ok",
        "properties": store.show_properties(),
    }
