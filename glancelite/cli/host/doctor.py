"""`glancelite doctor`: what is wrong with the service on this host, and how to mend it."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from glancelite.cli.output import View, print_many, shows_many
from glancelite.config import find_file
from glancelite.errors import ConfigError

from .checkup import Remark, examine, fault, gather, look_at_python, ok
from .config import check_all
from .settings import FOUND_SOMETHING, configured


@click.command(name="doctor")
@shows_many
@configured
def command(view: View, config_file: Path | None, data_dir: Path | None) -> int:
    """Look at the configuration, the pipeline, programs, certificates, secrets, the database and its schema, clocks,
    stores, staging and disk space. Changes nothing; best run as the user that the service runs as.

    A line says what was found and, where it is a fault, how to mend it. Exit code 0 without a fault, 4 with one.
    """
    remarks = gather([look_at_python, lambda: _look_at_all(config_file, data_dir)])
    rows = [[remark.part, remark.result, remark.found, remark.mend] for remark in remarks]
    print_many(["Part", "Result", "Found", "Mend"], rows, view)
    return FOUND_SOMETHING if any(remark.is_fault for remark in remarks) else 0


def _look_at_all(config_file: Path | None, data_dir: Path | None) -> Iterator[Remark]:
    try:
        config = check_all(config_file, data_dir, with_plugins=False)
    except ConfigError as error:
        yield fault("configuration", str(error), "Correct it; `glancelite config check` says when it is right.")
        return
    file = config_file or find_file(os.environ)
    yield ok("configuration", str(file) if file else "no file: the defaults are in force")
    yield from examine(config)
