"""`glancelite image stores …`: where the service can put image data."""

import click

from .group import Group
from .output import View, print_many, shows_many
from .service import doing, open_offers


@click.group("stores", cls=Group)
def group() -> None:
    """List the stores of a service that has several."""


@group.command("list")
@click.option("--detail", "has_details", is_flag=True, help="With the properties of each (administrators).")
@shows_many
def list_stores(view: View, has_details: bool) -> None:
    """List the stores that image data can be put in."""
    with doing("list stores"):
        stores = open_offers().stores(has_details)
    columns = ["ID", "Description", "Default", *(["Properties"] if has_details else [])]
    rows = [
        [store.get("id"), store.get("description"), _truth(store.get("default")), store.get("properties")]
        for store in stores
    ]
    print_many(columns, [row[: len(columns)] for row in rows], view, ("Properties",))


def _truth(value: object) -> bool | None:
    return None if value is None else str(value).lower() == "true"
