"""The command line, from its commands."""

import inspect
from collections.abc import Iterator

import click

from docs.pages.markdown import code, compose, table
from glancelite.cli import cli
from glancelite.cli.options import SETTINGS

INTRO = """
Exit codes: 0 done, 1 the request failed, 2 wrong usage, 3 an import that `--wait` waited for failed, or the
database needs an upgrade (`db check`), 4 something was found (`fsck`), 5 an import took longer than
`--wait-timeout`, 130 Ctrl-C, 141 the reader of the output went away. An error is a line on standard error.

`--progress` shows a bar where standard error is a terminal, and with `-v` a line each tenth where it is none.
`GLANCELITE_PROGRESS=json` makes it lines of JSON with `bytes` and `total`, `never` none; `auto` is the default.

`--retries` is for requests that may be made twice without harm, and for `image save`, which goes on where it was
cut off; not for uploads. A service that says when to come back (`Retry-After`) is asked again then, after a
minute at most.
"""

GLOBAL = """
Of the commands on images. They may stand before or after the command; an option counts more than the
environment variable, and that more than an entry of clouds.yaml.
"""


def page() -> str:
    """docs/reference/cli.md"""
    rows = [
        (_spell(setting.flags.split()), ", ".join(map(code, setting.variables.split())), setting.help)
        for setting in SETTINGS
        if setting.hidden != "*"
    ]
    settings = "## Global options\n\n" + GLOBAL.strip() + "\n\n" + table(("Option", "Environment", "Meaning"), rows)
    root = click.Context(cli, info_name="glancelite")
    return compose("Command line", "glancelite/cli/", INTRO, settings, *map(_section, walk(root)))


def walk(parent: click.Context) -> Iterator[click.Context]:
    """Every command below this one that is not a mere group of others."""
    for name, command in _commands(parent):
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from walk(context)
        elif not command.hidden:
            yield context


def _commands(parent: click.Context) -> Iterator[tuple[str, click.Command]]:
    if isinstance(parent.command, click.Group):
        for name in parent.command.list_commands(parent):
            if command := parent.command.get_command(parent, name):
                yield name, command


def _section(context: click.Context) -> str:
    command = context.command
    usage = " ".join(filter(None, [context.command_path, *command.collect_usage_pieces(context)]))
    parts = [f"## {context.command_path}", inspect.cleandoc(command.help or ""), f"```\n{usage}\n```"]
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    if options:
        rows = [(_spell(_names(option, context)), _meaning(option)) for option in options]
        parts.append(table(("Option", "Meaning"), rows))
    return "\n\n".join(parts)


def _names(option: click.Option, context: click.Context) -> list[str]:
    names = [*option.opts, *option.secondary_opts]
    if option.is_flag or option.count:
        return names
    return [*names[:-1], f"{names[-1]} {option.make_metavar(context)}"]


def _meaning(option: click.Option) -> str:
    default = option.default if option.show_default and isinstance(option.default, str) else ""
    return " ".join(filter(None, (option.help or "", f"Default: {default}." if default else "")))


def _spell(names: list[str]) -> str:
    return ", ".join(map(code, names))
