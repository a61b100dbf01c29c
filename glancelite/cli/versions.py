"""`versions show`: the versions of the Image API that the service speaks."""

import re
from typing import Any

import click

from .group import Group
from .output import View, print_many, shows_many
from .service import doing, open_offers, open_transport, settings

COLUMNS = (
    "Region Name",
    "Service Type",
    "Version",
    "Status",
    "Endpoint",
    "Min Microversion",
    "Max Microversion",
)


@click.group("versions", cls=Group)
def command() -> None:
    """Show the versions of the Image API."""


@command.command()
@click.option("--service", metavar="TYPE", help="Only of this type of service; this client knows but one: image.")
@click.option("--status", help="Only with this status: CURRENT, SUPPORTED, DEPRECATED or EXPERIMENTAL.")
@click.option("--region-name", metavar="REGION", help="Only in this region of the catalog.")
@click.option("--all-interfaces", is_flag=True, hidden=True, expose_value=False)
@click.option("--interface", help="Of the endpoint for this interface: public, internal or admin.")
@shows_many
def show(view: View, service: str | None, status: str | None, region_name: str | None, interface: str | None) -> None:
    """Show the versions of the Image API that the service speaks."""
    chosen = settings()
    chosen |= {"region_name": region_name} if region_name else {}
    chosen |= {"interface": interface} if interface else {}
    rows = []
    if service in (None, "image"):
        with doing("show versions"):
            transport, found = open_transport(), open_offers().versions()
            region = transport.identity.image_region() if transport.identity else None
        rows = [_row(each, transport.endpoint, region) for each in found]
    rows = [row for row in rows if status in (None, row[3]) or row[3] == str(status).upper()]
    print_many(COLUMNS, sorted(rows, key=lambda row: [int(part) for part in re.findall(r"\d+", row[2])]), view)


def _row(version: dict[str, Any], endpoint: str, region: Any) -> list[Any]:
    links = version.get("links") or [{}]
    number = str(version.get("id", "")).removeprefix("v")
    return [region, "image", number, str(version.get("status", "")), links[0].get("href", endpoint), None, None]
