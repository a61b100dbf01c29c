"""`glancelite db`: the registry's database and its schema."""

from pathlib import Path

import click

from .settings import configured, load_config, require_database

NEEDS_UPGRADE = 3


@click.group(name="db")
def command() -> None:
    """Upgrade and check the registry's database."""


@command.command()
@configured
def upgrade(config_file: Path | None, data_dir: Path | None) -> None:
    """Bring the database's schema up to date, making it where there is none."""
    from glancelite.registry.local import open_registry

    registry = open_registry(load_config(config_file, data_dir))
    applied = registry.upgrade()
    registry.close()
    click.echo("\n".join(f"applied {name}" for name in applied) or "up to date")


command.add_command(upgrade, "sync")


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


def _status(config_file: Path | None, data_dir: Path | None) -> tuple[str, bool]:
    from glancelite.registry.local import open_registry

    config = load_config(config_file, data_dir)
    require_database(config)
    registry = open_registry(config)
    status = registry.show_status()
    registry.close()
    return status.schema, status.is_current
