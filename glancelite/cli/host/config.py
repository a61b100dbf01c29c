"""`glancelite config`: what the service is configured to do, and where that comes from."""

from pathlib import Path
from typing import Any

import click

from glancelite.config import Config, Option

from .settings import configured, load_config

_HIDDEN = "***"


@click.group(name="config")
def command() -> None:
    """Show and check the service's configuration."""


@command.command()
@configured
def show(config_file: Path | None, data_dir: Path | None) -> None:
    """Print every option with its value and where the value comes from. Secrets are not shown."""
    config = load_config(config_file, data_dir)
    section = ""
    for option in config.options:
        if option.section != section:
            section = option.section
            click.echo(f"[{section}]")
        click.echo(f"{option.name} = {_text(option, config)}  # {config.sources[option.key]}")


def _text(option: Option, config: Config) -> str:
    value: Any = config.values[option.key]
    if option.secret and value:
        return _HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


@command.command()
@configured
def check(config_file: Path | None, data_dir: Path | None) -> None:
    """Read the configuration and the pipeline as the server would, and say what is wrong with them."""
    from glancelite.deploy import build_services, find_ini

    config = load_config(config_file, data_dir)
    build_services(config)
    find_ini("api", config)
    click.echo("ok")
