"""`glancelite registry`: is the registry there, and at which schema?"""

import time
from pathlib import Path
from typing import Any

import click

from glancelite.cli.output import View, print_one, shows_one

from .settings import configured, load_config, require_database

NEEDS_UPGRADE = 3


@click.group(name="registry")
def command() -> None:
    """Ask the registry whether it is there."""


@command.command()
@configured
def ping(config_file: Path | None, data_dir: Path | None) -> int:
    """Ask the registry something real: exit 0 when it answers, 3 when its schema needs an upgrade, 1 otherwise."""
    found = _ask(config_file, data_dir)
    schema = "up to date" if found["is_current"] else "run `glancelite db upgrade`"
    click.echo(f"{found['location']} answers in {found['milliseconds']} ms, {schema}")
    return 0 if found["is_current"] else NEEDS_UPGRADE


@command.command()
@shows_one
@configured
def show(view: View, config_file: Path | None, data_dir: Path | None) -> None:
    """Show where the registry is, its schema, and how long it takes to answer."""
    print_one(_ask(config_file, data_dir), view)


def _ask(config_file: Path | None, data_dir: Path | None) -> dict[str, Any]:
    from glancelite.deploy import build_services

    config = load_config(config_file, data_dir)
    require_database(config)
    registry = build_services(config).registry
    began = time.monotonic()
    status = registry.show_status()
    took = round((time.monotonic() - began) * 1000, 1)
    registry.close()
    place = config["registry.location"]
    return {"location": place, "schema": status.schema, "is_current": status.is_current, "milliseconds": took}
