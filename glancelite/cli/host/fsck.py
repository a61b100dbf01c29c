"""`glancelite fsck`: do registry and stores agree?"""

from pathlib import Path

import click

from glancelite.errors import ConfigError

from .settings import configured, load_config, require_database

FOUND_SOMETHING = 4


@click.command(name="fsck")
@click.option("--hash", "with_hash", is_flag=True, help="Read all bytes and compare them with their recorded hashes.")
@configured
def command(with_hash: bool, config_file: Path | None, data_dir: Path | None) -> int:
    """Check that registry and stores agree, on a stopped or a running service. Changes nothing.

    Exit code 0 when all is clean, 4 when something was found; each finding is a line.
    """
    from glancelite.deploy import build_services
    from glancelite.usecases.fsck import find_faults

    config = load_config(config_file, data_dir)
    require_database(config)
    services = build_services(config)
    if not services.registry.show_status().is_current:
        raise ConfigError(reason="The database's schema is not this version's: run `glancelite db upgrade`.")
    services.stores.attach(services.registry)
    count = 0
    for finding in find_faults(services, with_hash=with_hash):
        click.echo(f"{finding.subject}: {finding.sentence}")
        count += 1
    services.registry.close()
    click.echo("clean" if not count else f"{count} finding(s)")
    return FOUND_SOMETHING if count else 0
