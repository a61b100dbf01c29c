"""`glancelite config`: what the service is configured to do, where that comes from, and files to begin with."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from glancelite.cli.output import View, print_many, shows_many
from glancelite.config import Config, Option, find_faults, find_file
from glancelite.errors import ConfigError

from .sample import make_sample, written
from .settings import configured, load_config

if TYPE_CHECKING:
    from .glance import Translation

_HIDDEN = "***"


@click.group(name="config")
def command() -> None:
    """Make, show and check the service's configuration."""


@command.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here, where nothing is yet, and not to "
              "standard output.")  # fmt: skip
@configured
def init(output: Path | None, config_file: Path | None, data_dir: Path | None) -> None:
    """Write a configuration file with every option, its help and its default, all in comments."""
    from glancelite.config import OPTIONS
    from glancelite.deploy import more_options

    head = (
        "Configuration of glancelite. Every option is here with its default, which is in force until its line is",
        "uncommented. What is in force: `glancelite config show`. What is wrong: `glancelite config check`.",
    )
    text = make_sample((*OPTIONS, *more_options()), head)
    if data_dir is not None:
        text = text.replace("\n# data_dir =\n", f"\ndata_dir = {data_dir.absolute()}\n", 1)
    _write(text, output or config_file)


@command.command()
@shows_many
@configured
def show(view: View, config_file: Path | None, data_dir: Path | None) -> None:
    """Print every option with its value and where the value comes from. Secrets are not shown.

    It reads like a configuration file, unless --format says how to print it.
    """
    config = load_config(config_file, data_dir)
    if click.get_current_context().get_parameter_source("format") is ParameterSource.COMMANDLINE:
        rows = [[each.section, each.name, _text(each, config), config.sources[each.key]] for each in config.options]
        print_many(["Section", "Name", "Value", "From"], rows, view)
        return
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
    return ",".join(value) if isinstance(value, tuple) else written(value)


@command.command()
@configured
def check(config_file: Path | None, data_dir: Path | None) -> None:
    """Read the configuration and the pipeline as the server would, and say all that is wrong with them."""
    check_all(config_file, data_dir)
    click.echo("ok")


def check_all(config_file: Path | None, data_dir: Path | None, *, with_plugins: bool = True) -> Config:
    """The configuration; ConfigError with all that is wrong in its file, or the first thing that is wrong elsewhere."""
    from glancelite.deploy import build_services, check_pipeline, more_options
    from glancelite.tasks.plugins import open_plugins

    file = config_file or find_file(os.environ)
    if file is not None and (faults := find_faults(file, more_options)):
        raise ConfigError(reason="\n".join(faults))
    config = load_config(config_file, data_dir)
    with tempfile.TemporaryDirectory() as elsewhere:  # where the service will be, a look makes nothing
        build_services(load_config(config_file, Path(elsewhere))).registry.close()
    if with_plugins:
        check_pipeline(config)
        open_plugins(config)
    return config


@command.command("import-glance")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here, where nothing is yet, and not to "
              "standard output.")  # fmt: skip
@configured
def import_glance(
    files: tuple[Path, ...], output: Path | None, config_file: Path | None, data_dir: Path | None
) -> None:
    """Make a configuration of Glance's: its glance-api.conf, and others after it, of which the later count.

    What was taken, what has no counterpart here and what somebody has to decide is said on standard error. Passwords go
    into the new file, which only its owner may read, and are not said. Neither images nor their data are taken over.
    """
    from glancelite.deploy import more_options

    from .glance import compose, translate
    from .oslo_ini import read_files

    result = translate(read_files(files), files[-1].absolute().parent, more_options)
    if data_dir is not None:
        result.take(("DEFAULT", "data_dir"), str(data_dir.absolute()), " (of the command line)")
    else:
        result.decisions.append(
            "[DEFAULT] data_dir: where the service keeps its database and its images; /var/lib/glancelite is usual"
        )
    _find_trouble(result)
    _write(
        compose(result, (f"Configuration of glancelite, made of {', '.join(map(str, files))}.",)), output or config_file
    )
    for title, lines in (
        ("Taken", result.taken),
        ("Without a counterpart, left out", result.dropped),
        ("To be decided", result.decisions),
    ):
        click.echo(f"{title}: {len(lines)}", err=True)
        for line in lines:
            click.echo(f"  {line}", err=True)


def _find_trouble(result: "Translation") -> None:
    """Whether the service would start with it."""
    from glancelite.deploy import build_services, check_pipeline
    from glancelite.deploy import load_config as load
    from glancelite.tasks.plugins import open_plugins

    from .glance import compose

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "new.conf"
        file.touch(mode=0o600)
        file.write_text(compose(result, ()))
        try:
            config = load(file, {}, {("DEFAULT", "data_dir"): folder})  # nothing is made where it will be
            build_services(config).registry.close()
            check_pipeline(config)
            open_plugins(config)
        except ConfigError as error:
            result.decisions.append(f"the service does not start with this yet: {error}")


def _write(text: str, output: Path | None) -> None:
    """To a file that is not there yet, which only its owner may read, or to standard output."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise click.ClickException(f"{output} is there already; it is not written over.") from error
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "w") as file:
        file.write(text)
    click.echo(f"Wrote {output}.", err=True)
