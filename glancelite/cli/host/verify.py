"""`glancelite verify`: are the bytes still those that were uploaded?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from glancelite.cli.output import View, print_many, shows_many
from glancelite.cli.progress import Meter, Tally, choose_meter
from glancelite.cli.text import printable
from glancelite.errors import ConfigError

from .settings import FOUND_SOMETHING, configured, load_config, open_services

if TYPE_CHECKING:
    from glancelite.usecases.services import Services


@click.command(name="verify")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--all", "wants_all", is_flag=True, help="Every image; the same as naming none.")
@click.option("--store", "store_id", metavar="ID", help="Read in this store only.")
@click.option("--fix-size", is_flag=True, help="Where the hashes are right and the recorded size is not, correct it.")
@shows_many
@configured
def command(
    view: View,
    images: tuple[str, ...],
    wants_all: bool,
    store_id: str | None,
    fix_size: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> int:
    """Read the data of images again and compare its size and hashes with those recorded.

    Images are named by ID, or by a name that only one has. Changes nothing but what --fix-size says. Exit code 0 when
    all is as it was, 4 when something is or was wrong.
    """
    from glancelite.usecases.verify import list_copies, verify

    if wants_all and images:
        raise click.UsageError("Name images or say --all, not both.")
    services = open_services(load_config(config_file, data_dir))
    try:
        _check_store(services, store_id)
        wanted = {_find(services, image): image for image in images} or None
        total, lacking = 0, dict(wanted or {})
        for _, blob in list_copies(services, wanted, store_id):
            total += blob.size or 0
            lacking.pop(blob.image_id, None)
        if lacking:
            raise click.ClickException(f"No data is recorded here for {', '.join(lacking.values())}.")
        with _choose_meter() as meter:
            tally = Tally(meter, total)
            found = list(verify(services, wanted, store_id, fix_size=fix_size, seen=tally.add))
            tally.finish()
    finally:
        services.registry.close()
    print_many(
        ["Image", "Store", "Size", "Result"],
        [[one.image_id, one.store, one.size, one.fault or "ok"] for one in found],
        view,
    )
    return FOUND_SOMETHING if any(one.fault for one in found) else 0


def _check_store(services: "Services", store_id: str | None) -> None:
    if store_id is None:
        return
    store = services.stores.get(store_id)
    if store is None:
        known = ", ".join(store.id for store in services.stores)
        raise ConfigError(reason=f"There is no store '{store_id}' that keeps data; there are: {known}.")
    if not store.is_shared:
        raise ConfigError(reason=f"What store '{store_id}' keeps is in the memory of the service; nobody else sees it.")


def _find(services: "Services", name: str) -> str:
    from glancelite.usecases.verify import find_images

    if name != name.encode(errors="replace").decode():  # no text, and so nobody's name
        raise click.ClickException(f"There is no image '{printable(name)}'.")
    ids = find_images(services, name)
    if not ids:
        raise click.ClickException(f"There is no image '{name}'.")
    if len(ids) > 1:
        raise click.ClickException(f"{len(ids)} images are called '{name}': {', '.join(ids)}. Name one by its ID.")
    return ids[0]


def _choose_meter() -> Meter:
    try:
        return choose_meter()
    except click.ClickException:  # of settings for the client, which are not for here
        return Meter()
