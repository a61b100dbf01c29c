"""`glancelite db`: the registry's database and its schema."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from glancelite.config import Config
from glancelite.errors import ConfigError

from .settings import configured, load_config, require_database

if TYPE_CHECKING:
    from glancelite.registry.local import LocalRegistry

NEEDS_UPGRADE = 3
_DAY = 86400.0
_ALL = 1 << 31
_PURGED_AT_ONCE = 500
_FOREVER = 1e10
"""Seconds: more than computers have had images for."""


@click.group(name="db")
def command() -> None:
    """Upgrade, check and purge the registry's database."""


@command.command()
@configured
def upgrade(config_file: Path | None, data_dir: Path | None) -> None:
    """Bring the database's schema up to date, making it where there is none."""
    registry = _open(load_config(config_file, data_dir))
    applied = registry.upgrade()
    registry.close()
    click.echo("\n".join(f"applied {name}" for name in applied) or "up to date")


@command.command()
@click.argument("version", required=False)
def downgrade(version: str | None) -> None:
    """Refused: a schema never goes back, for what a newer one has written an older one cannot hold."""
    raise click.ClickException(
        "A database's schema never goes back: what was written since has no place in an older one. To return to an "
        "earlier release, stop the service and restore the copy of the database and of the stores made before."
    )


@command.command()
@configured
def version(config_file: Path | None, data_dir: Path | None) -> None:
    """Print the schema the database is at."""
    click.echo(_status(config_file, data_dir)[0])


@command.command()
@configured
def check(config_file: Path | None, data_dir: Path | None) -> int:
    """Tell whether the schema is up to date: exit 0 when it is, 3 when it needs an upgrade."""
    schema, is_current = _status(config_file, data_dir)
    click.echo("up to date" if is_current else f"at {schema or 'nothing'}: run `glancelite db upgrade`")
    return 0 if is_current else NEEDS_UPGRADE


@command.command()
@click.option(
    "--age-in-days",
    "--age_in_days",
    "days",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Only what was deleted so many days ago or earlier.",
)
@click.option(
    "--max-rows",
    "--max_rows",
    "rows",
    type=click.IntRange(min=-1),
    default=100,
    show_default=True,
    metavar="N",
    help="No more images than this in one run; -1: all.",
)
@configured
def purge(days: float, rows: int, config_file: Path | None, data_dir: Path | None) -> None:
    """Forget the names, owners, properties, tags and hashes of deleted images, the oldest first. Their ids stay taken
    for ever: an id must never come to mean another image.
    """  # fmt: skip
    if not days * _DAY < _FOREVER:
        raise click.UsageError("--age-in-days is no number of days that have been.")
    config = load_config(config_file, data_dir)
    require_database(config)
    registry = _open(config)
    count, left = 0, _ALL if rows == -1 else rows
    while left > 0:  # in small transactions, for others write meanwhile
        wanted = min(left, _PURGED_AT_ONCE)
        done = registry.purge_images(days * _DAY, wanted)
        count, left = count + done, left - done
        if done < wanted:
            break
    registry.close()
    click.echo(f"purged {count} image(s)")


for _name, _other in (("sync", upgrade), ("migrate", upgrade), ("current", version)):
    command.add_command(_other, _name)


def _status(config_file: Path | None, data_dir: Path | None) -> tuple[str, bool]:
    config = load_config(config_file, data_dir)
    require_database(config)
    registry = _open(config)
    status = registry.show_status()
    registry.close()
    return status.schema, status.is_current


def _open(config: Config) -> "LocalRegistry":
    from glancelite.registry.local import open_registry

    place = config["registry.location"]
    if place != "local":
        raise ConfigError(reason=f"The database is behind the registry at {place}: run this where that runs.")
    return open_registry(config)
