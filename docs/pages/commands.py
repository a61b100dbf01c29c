"""Every command as plain values, read from the click commands; how they look is `cli.py`'s and `man.py`'s."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import click

from glancelite.cli import cli
from glancelite.cli.examples import EXAMPLES
from glancelite.cli.options import SETTINGS

PROGRAM = "glancelite"

INTRO = f"""
`{PROGRAM}` is an image service that speaks the OpenStack Image API, and its client. A command is a noun and a verb:
`image create`. Its results are on standard output, all else is on standard error; an error is a line there that says
what failed, and why.

Of the commands on images, the options below may stand before or after the command. An option counts more than an
environment variable, and that more than an entry of clouds.yaml.
"""

EXIT_CODES = (
    ("0", "done"),
    ("1", "the request failed, or one of several"),
    ("2", "wrong usage"),
    ("3", "an import that `--wait` waited for failed, or the database needs an upgrade (`db check`)"),
    ("4", "something was found (`doctor`, `fsck`, `store check`, `verify`)"),
    ("5", "an import took longer than `--wait-timeout`"),
    ("130", "Ctrl-C"),
    ("141", "the reader of the output went away"),
)

ENVIRONMENT = (
    ("CLIFF_MAX_TERM_WIDTH", "The same as `--max-width`."),
    ("CLIFF_FIT_WIDTH", "1: the same as `--fit-width`."),
    (
        "GLANCELITE_PROGRESS",
        "What `--progress` shows: `auto` (default) is a bar where standard error is a terminal, and with `-v` a line "
        "each tenth where it is none; `json` is lines of JSON with `bytes` and `total`; `never` is nothing.",
    ),
    ("NO_COLOR, FORCE_COLOR", "Set to anything: the same as `--color never` and `--color always`."),
    ("GLANCELITE_CONFIG", "The service's configuration file, for the commands on this host."),
    ("GLANCELITE_…", "Any option of the service's configuration, by the name that the reference gives it."),
)
"""What is read besides the variables of the global options."""

FILES = (
    ("clouds.yaml", "Names services and how to log in, as for `openstack`. It is the file of `$OS_CLIENT_CONFIG_FILE`, "
     "else the first of `./clouds.yaml`, `~/.config/openstack/clouds.yaml` and `/etc/openstack/clouds.yaml`."),
    ("secure.yaml", "Beside it: what is secret of its entries."),
    ("~/.local/state/glancelite/history", "What was typed into the shell, but lines with a secret."),
    ("~/.cache/glancelite", "Names of images and stores for completion, for half a minute."),
    ("/etc/glancelite/glancelite.conf", "The service's configuration, where `--config` and `$GLANCELITE_CONFIG` name "
     "none."),
)  # fmt: skip

NOTES = """
`--retries` is for requests that may be made twice without harm, and for `image save`, which goes on where it was
cut off; not for uploads. A service that says when to come back (`Retry-After`) is asked again then, after a minute at
most.
"""


@dataclass(frozen=True)
class Option:
    """An option as it is spelled, and what it means; a global one also in the environment."""

    names: tuple[str, ...]
    value: str
    meaning: str
    variables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """What there is to tell of a command. Its text is paragraphs; those of samples keep their lines."""

    words: tuple[str, ...]
    summary: str
    text: tuple[str, ...]
    usage: str
    options: tuple[Option, ...]
    examples: tuple[str, ...]
    is_client: bool
    """Does it take the global options?"""

    @property
    def path(self) -> str:
        return " ".join(self.words)

    @property
    def slug(self) -> str:
        """Its name where a name has no blanks: of a file, of a manual page."""
        return self.path.replace(" ", "-")


@cache
def list_commands() -> tuple[Command, ...]:
    """Every command that is shown to people, in the order of their names."""
    found = [_read(context) for context in _walk(click.Context(cli, info_name=PROGRAM))]
    return tuple(sorted(found, key=lambda command: command.words))


def list_global_options() -> tuple[Option, ...]:
    """The options that all commands of the client take."""
    return tuple(
        Option(tuple(each.flags.split()), "", each.help, tuple(each.variables.split()))
        for each in SETTINGS
        if each.hidden != "*"
    )


def find_related(command: Command) -> list[Command]:
    """The commands beside this one, of the same noun."""
    noun = command.words[:-1]
    return [other for other in list_commands() if noun and other != command and other.words[: len(noun)] == noun]


def _walk(parent: click.Context) -> Iterator[click.Context]:
    """Every command below this one; of groups those that also run by themselves."""
    group = parent.command
    assert isinstance(group, click.Group)  # noqa: S101 - the caller has looked
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is None or command.hidden:
            continue
        context = click.Context(command, info_name=name, parent=parent)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield context
        if isinstance(command, click.Group):
            yield from _walk(context)


def _read(context: click.Context) -> Command:
    command = context.command
    words = tuple(context.command_path.split()[1:])
    paragraphs = inspect.cleandoc(command.help or "").partition("\f")[0].strip().split("\n\n")
    usage = " ".join(filter(None, [context.command_path, *command.collect_usage_pieces(context)]))
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    return Command(
        words=words,
        summary=" ".join(paragraphs[0].split()),
        text=tuple(paragraphs),
        usage=usage,
        options=tuple(_read_option(option, context) for option in options),
        examples=tuple(EXAMPLES.get(" ".join(words), "").strip().splitlines()),
        is_client=any(param.name == SETTINGS[0].key for param in command.params),
    )


def _read_option(option: click.Option, context: click.Context) -> Option:
    has_value = not (option.is_flag or option.count)
    return Option(
        names=(*option.opts, *option.secondary_opts),
        value=option.make_metavar(context) if has_value else "",
        meaning=" ".join(filter(None, (option.help or "", _default(option)))),
    )


def _default(option: click.Option) -> str:
    shown = option.default if option.show_default is True else option.show_default
    return f"Default: {shown}." if isinstance(shown, (str, int, float)) and shown is not False else ""


def is_sample(paragraph: str) -> bool:
    """Does a paragraph keep its lines? One after a line with `\\b` does, to click."""
    return paragraph.startswith("\b\n")
