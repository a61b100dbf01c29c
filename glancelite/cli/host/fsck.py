"""`glancelite fsck`: do registry and stores agree?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from glancelite.cli.text import printable
from glancelite.config import Config
from glancelite.errors import StoreUnavailable

from .settings import FOUND_SOMETHING, configured, load_config, open_services

if TYPE_CHECKING:
    from glancelite.usecases.fsck import Orphan
    from glancelite.usecases.services import Services


@click.command(name="fsck")
@click.option("--hash", "with_hash", is_flag=True, help="Read all bytes and compare them with their recorded hashes.")
@click.option("--delete-orphans", is_flag=True, help="Delete files of ours that no row names. Asks first; without a "
              "terminal it needs --yes.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what --delete-orphans would delete, and delete nothing.")
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

    config = load_config(config_file, data_dir)
    services = open_services(config)
    try:
        count = 0
        for finding in find_faults(services, with_hash=with_hash):
            _say(f"{finding.subject}: {finding.sentence}")
            count += 1
        if delete_orphans or dry_run:
            _delete_orphans(services, dry_run, None if yes else _where(config))
    finally:
        services.registry.close()
    click.echo("clean" if not count else f"{count} finding(s)")
    return FOUND_SOMETHING if count else 0


def _delete_orphans(services: "Services", dry_run: bool, asked_of: str | None) -> None:
    """`asked_of`: the registry to be named in the question; None: no question is asked."""
    from glancelite.usecases.fsck import delete_orphan, find_orphans

    orphans = list(find_orphans(services))
    ours = [orphan for orphan in orphans if orphan.is_ours]
    for orphan in orphans:
        if not orphan.is_ours:
            _say(f"{_name(orphan)}: left alone, for its name is none that this service gives")
    if dry_run or not ours:
        for orphan in ours:
            _say(f"{_name(orphan)}: would be deleted")
        return
    if asked_of is not None:
        _confirm(services, ours, asked_of)
    for orphan in ours:
        try:
            delete_orphan(services, orphan)
            _say(f"{_name(orphan)}: deleted")
        except StoreUnavailable as error:
            _say(f"{_name(orphan)}: cannot be deleted: {error}")


def _confirm(services: "Services", orphans: list["Orphan"], registry: str) -> None:
    """Another registry's files look like orphans to this one: it is said which was asked, and somebody must agree."""
    from glancelite.usecases.fsck import knows_bytes

    if not knows_bytes(services):
        raise click.ClickException(
            f"Nothing is deleted: {registry} knows of no data at all, so that all {len(orphans)} file(s) look like "
            "orphans. Is it the right database? If it is, say --yes."
        )
    if not sys.stdin.isatty():
        raise click.ClickException(
            f"Nothing is deleted: there is nobody to ask. {len(orphans)} file(s) are not known to {registry}; see with "
            "--dry-run which they are, then say --yes."
        )
    size = sum(orphan.file.size for orphan in orphans)
    click.confirm(f"Delete {len(orphans)} file(s) of {size} bytes that {registry} does not know?", abort=True, err=True)


def _where(config: Config) -> str:
    """Which registry was asked."""
    if config["registry.location"] != "local":
        return f"the registry at {config['registry.location']}"
    if config["database.connection"]:
        return "the database of [database] connection"
    return str(config.data_dir / "glancelite.sqlite")


def _say(line: str) -> None:
    """A line. What others called their files must not steer a terminal, nor look like two lines."""
    click.echo(printable(line).replace("\n", "\\n"))


def _name(orphan: "Orphan") -> str:
    return f"file {orphan.store.id}/{orphan.file.name}"
