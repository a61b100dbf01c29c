"""`glancelite verify`: are the bytes still those that were uploaded?"""

from pathlib import Path

import click

from glancelite.cli.output import View, print_many, shows_many
from glancelite.errors import ConfigError

from .settings import configured, load_config, require_database

FOUND_SOMETHING = 4


@click.command(name="verify")
@click.argument("images", nargs=-1, metavar="[IMAGE_ID]...")
@click.option("--all", "wants_all", is_flag=True, help="Every image; the same as naming none.")
@click.option("--store", "store_id", metavar="ID", help="Read in this store only.")
@shows_many
@configured
def command(
    view: View,
    images: tuple[str, ...],
    wants_all: bool,
    store_id: str | None,
    config_file: Path | None,
    data_dir: Path | None,
) -> int:
    """Read the data of images again and compare its size and hashes with those recorded. Changes nothing.

    Exit code 0 when all is as it was, 4 when something is wrong.
    """
    from glancelite.deploy import build_services
    from glancelite.usecases.verify import verify

    if wants_all and images:
        raise click.UsageError("Name images or say --all, not both.")
    config = load_config(config_file, data_dir)
    require_database(config)
    services = build_services(config)
    if store_id is not None and services.stores.get(store_id) is None:
        known = ", ".join(store.id for store in services.stores)
        raise ConfigError(reason=f"There is no store '{store_id}'; there are: {known}.")
    if not services.registry.show_status().is_current:
        raise ConfigError(reason="The database's schema is not this version's: run `glancelite db upgrade`.")
    services.stores.attach(services.registry)
    found = list(verify(services, images or None, store_id))
    services.registry.close()
    if missing := [image for image in images if all(image != verdict.image_id for verdict in found)]:
        raise click.ClickException(f"No data is recorded here for {', '.join(missing)}.")
    rows = [[one.image_id, one.store, one.size, one.fault or "ok"] for one in found]
    print_many(["Image", "Store", "Size", "Result"], rows, view)
    return FOUND_SOMETHING if any(one.fault for one in found) else 0
