"""`glancelite fsck`: do registry and stores agree?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from glancelite.errors import StoreUnavailable

from .settings import FOUND_SOMETHING, configured, load_config, open_services

if TYPE_CHECKING:
    from glancelite.usecases.fsck import Orphan
    from glancelite.usecases.services import Services


@click.command(name="fsck")
@click.option("--hash", "with_hash", is_flag=True, help="Read all bytes and compare them with their recorded hashes.")
@click.option("--delete-orphans", is_flag=True, help="Delete files of ours that no row names. Asks on a terminal.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.option("-y", "--yes", is_flag=True, help="Delete without a question.")
@configured
def command(
    with_hash: bool, delete_orphans: bool, dry_run: bool, yes: bool, config_file: Path | None, data_dir: Path | None
) -> int:
    """Check that registry and stores agree, on a stopped or a running service. Changes nothing unless told to delete.

    Exit code 0 when all is clean, 4 when something was found; each finding is a line. An orphan is a file that no row
    of the registry names and that is older than [registry] lease_seconds: never one that an upload is writing. Of these
    only files with a name that this service gives are deleted.
    """
    from glancelite.usecases.fsck import find_faults

    services = open_services(load_config(config_file, data_dir))
    try:
        count = 0
        for finding in find_faults(services, with_hash=with_hash):
            click.echo(f"{finding.subject}: {finding.sentence}")
            count += 1
        if delete_orphans:
            _delete_orphans(services, dry_run, yes)
    finally:
        services.registry.close()
    click.echo("clean" if not count else f"{count} finding(s)")
    return FOUND_SOMETHING if count else 0


def _delete_orphans(services: "Services", dry_run: bool, yes: bool) -> None:
    from glancelite.usecases.fsck import delete_orphan, find_orphans

    orphans = list(find_orphans(services))
    ours = [orphan for orphan in orphans if orphan.is_ours]
    for orphan in orphans:
        if not orphan.is_ours:
            click.echo(f"{_name(orphan)}: left alone, for its name is none that this service gives")
    if dry_run or not ours:
        click.echo("".join(f"{_name(orphan)}: would be deleted\n" for orphan in ours), nl=False)
        return
    _confirm(services, ours, yes)
    for orphan in ours:
        try:
            delete_orphan(services, orphan)
            click.echo(f"{_name(orphan)}: deleted")
        except StoreUnavailable as error:
            click.echo(f"{_name(orphan)}: cannot be deleted: {error}")


def _confirm(services: "Services", orphans: list["Orphan"], yes: bool) -> None:
    from glancelite.usecases.fsck import knows_bytes

    if yes:
        return
    if not knows_bytes(services):
        raise click.ClickException(
            f"Nothing is deleted: this registry knows of no data at all, so that all {len(orphans)} file(s) look like "
            "orphans. Is it the right database? If it is, say --yes."
        )
    if sys.stdin.isatty():
        size = sum(orphan.file.size for orphan in orphans)
        click.confirm(f"Delete {len(orphans)} file(s) of {size} bytes?", abort=True, err=True)


def _name(orphan: "Orphan") -> str:
    return f"file {orphan.store.id}/{orphan.file.name}"
