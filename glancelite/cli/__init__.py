"""The command line: finds commands, loads each only when it is used, and turns what goes wrong into a line and a code.

`main` is the console script. A command returns None, or the code to exit with. Exit codes: 0 done, 1 the request
failed, 2 wrong usage, 130 Ctrl-C, 141 closed pipe.
"""

import importlib
import os
import sys
import traceback
from typing import Any, NoReturn

import click

from glancelite import __version__

from . import options
from .group import Group
from .text import printable

CLIENT_COMMANDS = {
    "command": ("commands:command", "List the commands."),
    "completion": ("completion:command", "Print the lines that make a shell complete glancelite."),
    "configuration": ("configuration:command", "Show the settings of this client, and where each comes from."),
    "help": ("help:command", "Show the help of a command."),
    "image": ("image:group", "Create, list, show, change, import, save and delete images."),
    "versions": ("versions:command", "Show the versions of the Image API."),
}
HOST_COMMANDS = {
    "config": ("host.config:command", "Show and check the service's configuration."),
    "db": ("host.db:command", "Upgrade and check the registry's database."),
    "demo": ("host.demo:command", "Run the main job end to end, on a service of its own."),
    "fsck": ("host.fsck:command", "Check that registry and stores agree."),
    "server": ("host.serve:command", "Run the service."),
    "token": ("host.token:command", "Issue and revoke tokens of the built-in identity."),
    "user": ("host.user:command", "Manage the users of the built-in identity."),
}
"""Name -> where the command is, and its line in the list: known without loading it."""


class ClosedPipe(Exception):
    """Who read our output went away."""


class Root(Group):
    """The top of the command line; its commands live in modules that are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(CLIENT_COMMANDS | HOST_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place, _ = (CLIENT_COMMANDS | HOST_COMMANDS).get(cmd_name, (None, None))
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        if cmd_name in CLIENT_COMMANDS:
            options.accept_everywhere(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, table in (("Images", CLIENT_COMMANDS), ("On this host", HOST_COMMANDS)):
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in sorted(table.items())])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError as error:
            raise ClosedPipe from error


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, message="glancelite %(version)s")
@options.global_options
def cli() -> None:
    """An image service that speaks the OpenStack Image API, and its client.

    Options below may stand before or after the command.
    """


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(args: list[str]) -> int:
    """Run one command; return the code to exit with."""
    try:
        result = cli.main(args, prog_name="glancelite", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except (ClosedPipe, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        click.echo(f"Error: Cannot write the output: {error.strerror or error}.", err=True)
        return 1
    except click.Abort:
        return 130
    except click.ClickException as error:
        _explain(error)
        return error.exit_code


def _explain(error: click.ClickException) -> None:
    if options.wants_debug():
        traceback.print_exception(error)
    message = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message = _complete_option(error, error.ctx) or message
        message += f"\nTry '{error.ctx.command_path} --help'."
    click.echo(f"Error: {printable(message)}", err=True)


def _complete_option(error: click.UsageError, ctx: click.Context) -> str:
    """Names the options that an abbreviation may have meant: abbreviations are not accepted."""
    if not isinstance(error, click.NoSuchOption):
        return ""
    known = {name for param in ctx.command.get_params(ctx) for name in (*param.opts, *param.secondary_opts)}
    full = sorted(name for name in known if name.startswith(error.option_name) and error.option_name.startswith("--"))
    return f"Options are not abbreviated: write {' or '.join(full)} for {error.option_name}." if full else ""
