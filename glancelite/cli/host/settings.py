"""What every command on the host shares: where the configuration is, and errors of ours as one line."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glancelite.config import Config
from glancelite.errors import ConfigError, GlanceliteError

if TYPE_CHECKING:
    from glancelite.usecases.services import Services

FOUND_SOMETHING = 4
"""The exit code of a command that looked for faults and found some."""


def configured(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--config` and `--data-dir` and says our errors in a line. `load_config` makes the Config of both."""

    @click.option("--config", "config_file", type=click.Path(path_type=Path), help="The configuration file.")
    @click.option("--data-dir", type=click.Path(path_type=Path), help="Where the service keeps what it has.")
    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except GlanceliteError as error:
            raise click.ClickException(str(error)) from error

    return run


def load_config(
    config_file: Path | None, data_dir: Path | None, overrides: dict[tuple[str, str], Any] | None = None
) -> Config:
    """The configuration that these options, the environment and the file make."""
    given = dict(overrides or {})
    if data_dir is not None:
        given["DEFAULT", "data_dir"] = str(data_dir.absolute())
    from glancelite.deploy import load_config as load

    return load(config_file, os.environ, given)


def require_database(config: Config) -> None:
    """Refuse to look into a database that nobody has made: a look must not make one."""
    if config["registry.location"] != "local":
        return
    from glancelite.registry.database import sqlite_file

    url = config["database.connection"]
    if not url and not (config.data_dir / "glancelite.sqlite").exists():
        raise ConfigError(reason=f"There is no service in {config.data_dir}: it holds no database.")
    if (file := sqlite_file(url)) and not file.exists():
        raise ConfigError(reason=f"There is no service: its database {file} is not there.")


def open_services(config: Config) -> "Services":
    """What the use-cases need, on a service that is there and at this version's schema, its stores attached."""
    from glancelite.deploy import build_services

    require_database(config)
    services = build_services(config)
    if not services.registry.show_status().is_current:
        raise ConfigError(reason="The database's schema is not this version's: run `glancelite db upgrade`.")
    services.stores.attach(services.registry)
    return services
