"""The command line: finds commands, loads each only when it is used, and turns what goes wrong into a line and a code.

`main` is the console script. A command returns None, or the code to exit with. Exit codes: 0 done, 1 the request
failed, 2 wrong usage, 3 an import that was waited for failed, 4 something was found, 5 it was waited for long enough,
130 Ctrl-C, 141 closed pipe.
"""

import io
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from glancelite import __version__

from . import options
from .color import RED, is_colored, paint
from .group import Group
from .session import Session
from .text import printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CLIENT_COMMANDS = {
    "command": ("commands:command", "List the commands."),
    "complete": ("completion:complete", "The same as `completion`, spelled as other clients do."),
    "completion": ("completion:command", "Print the lines that make a shell complete glancelite."),
    "configuration": ("configuration:command", "Show the settings of this client, and where each comes from."),
    "help": ("help:command", "Show the help of a command."),
    "image": ("image:group", "Create, list, show, change, import, save and delete images."),
    "versions": ("versions:command", "Show the versions of the Image API."),
}
HOST_COMMANDS = {
    "config": ("host.config:command", "Show and check the service's configuration."),
    "db": ("host.db:command", "Upgrade, check and purge the registry's database."),
    "doctor": ("host.doctor:command", "Look for what is wrong with the service on this host."),
    "demo": ("host.demo:command", "Run the main job end to end, on a service of its own."),
    "fsck": ("host.fsck:command", "Check that registry and stores agree."),
    "policy": ("host.policy:command", "List the policy rules, and tell what they allow."),
    "registry": ("host.registry:command", "Ask the registry whether it is there."),
    "server": ("host.serve:command", "Run the service."),
    "store": ("host.store:command", "List, show and try the stores."),
    "token": ("host.token:command", "Issue and revoke tokens of the built-in identity."),
    "user": ("host.user:command", "Manage the users of the built-in identity."),
    "verify": ("host.verify:command", "Read the data of images again and compare its hashes."),
}
"""Name -> where the command is, and its line in the list: known without loading it."""


class ClosedPipe(Exception):
    """Who read our output went away."""


def _finish(command: click.Command, path: str) -> None:
    """Give a command what none has of its own: the client's the global options; examples for its help."""
    if path.partition(" ")[0] in CLIENT_COMMANDS:
        options.accept(command)
    from . import examples

    examples.show_in_help(command, path)


class Root(Group):
    """The top of the command line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        places = {name: place for name, (place, _) in (CLIENT_COMMANDS | HOST_COMMANDS).items()}
        super().__init__(*args, places=places, **kwargs)
        self.finish = _finish

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        lines = {name: line for name, (_, line) in (CLIENT_COMMANDS | HOST_COMMANDS).items()}
        commands = [CompletionItem(name, help=lines[name]) for name in sorted(lines) if name.startswith(incomplete)]
        return commands or click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The peers' spellings of old are commands too, although no list has them."""
        if not args or args[0] in CLIENT_COMMANDS | HOST_COMMANDS:
            return super().resolve_command(ctx, args)
        from .aliases import ALIASES, command_of, translate

        if args[0] not in ALIASES:
            return super().resolve_command(ctx, args)
        first = self._find(ctx, command_of(ALIASES[args[0]]))
        flags = [param for param in first.params if isinstance(param, click.Option) and not param.is_flag]
        lines = translate(args, {name for param in flags if not param.count for name in param.opts})
        if len(lines) == 1:
            return super().resolve_command(ctx, lines[0])
        return args[0], click.Command(args[0], callback=lambda: self._run_all(ctx, lines)), []

    def _find(self, ctx: click.Context, words: list[str]) -> click.Command:
        found: click.Command | None = self
        while words and isinstance(found, click.Group):
            _, found, words = found.resolve_command(ctx, words)
        assert found is not None  # noqa: S101 - an unknown name has raised
        return found

    def _run_all(self, ctx: click.Context, lines: list[list[str]]) -> None:
        for line in lines:
            name, command, words = self.resolve_command(ctx, line)
            assert command is not None  # noqa: S101 - an unknown name has raised
            with command.make_context(name, words, parent=ctx) as inner:
                command.invoke(inner)

    def suggest(self, ctx: click.Context) -> list[str]:
        from .aliases import ALIASES

        return [*self.list_commands(ctx), *ALIASES]

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


@click.command(
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(__version__, message="glancelite %(version)s")
@options.global_options
@click.pass_context
def cli(ctx: click.Context) -> int | None:
    """An image service that speaks the OpenStack Image API, and its client.

    Options below may stand before or after the command. Without a command this is a shell: with a prompt, or with a
    command on each line of standard input.
    """
    if ctx.invoked_subcommand is not None:
        return None
    session = ctx.ensure_object(Session)
    if session.is_shell:
        raise click.UsageError("There is no command.", ctx)
    from .shell import run_shell

    return run_shell(run, session)


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    if instruction := os.environ.get("_GLANCELITE_COMPLETE"):
        from .words import answer

        sys.exit(answer(cli, instruction))
    _open_missing_streams()
    try:
        code = run(sys.argv[1:], Session())
    except KeyboardInterrupt:
        code = 130
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C finds nothing to interrupt any more but the way out
    sys.exit(code)


def _open_missing_streams() -> None:
    """Who closed one of the standard streams wants none of what it brings; and no file shall get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def run(args: list[str], session: Session) -> int:
    """Run one command; return the code to exit with."""
    session.begin()
    name = "" if session.is_shell else "glancelite"
    try:
        result = cli.main(args, prog_name=name, standalone_mode=False, obj=session)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except (ClosedPipe, BrokenPipeError):
        _drop_output()
        return 141
    except OSError as error:
        if error.filename is not None:
            _say(f"{error.filename}: {error.strerror}.", session)
            return 1
        _drop_output()
        _say(f"Cannot write the output: {error.strerror or error}.", session)
        return 1
    except click.Abort:
        return 130
    except click.ClickException as error:
        _explain(error, args, session)
        return error.exit_code
    except Exception as error:  # a fault of ours, or an answer unlike any of an Image API
        _explain(_unforeseen(error), args, session)
        return 1
    finally:
        session.end()


def _unforeseen(error: Exception) -> click.ClickException:
    """Says the little that can be said of an error that no code looks out for; --debug shows where it was."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    found = click.ClickException(f"The command broke down ({text}); --debug shows where.")
    found.__cause__ = error
    return found


def _drop_output() -> None:
    """Nothing can be written any more: what is left in the buffer must not be tried once more at the end."""
    if not sys.stdout.isatty():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: click.ClickException, args: list[str], session: Session) -> None:
    if options.wants_debug(args, session.said):
        import traceback

        traceback.print_exception(error)
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        click.echo(message, err=True)
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message = _complete_option(error, error.ctx) or message
        message += _suggest_value(error)
        message += f"\nTry '{error.ctx.command_path} --help'." if error.ctx.command_path else "\nTry 'help'."
    _say(message, session)


def _say(message: str, session: Session) -> None:
    prefix = paint("Error:", RED if is_colored(session.said, sys.stderr) else None)
    click.echo(f"{prefix} {printable(message)}", err=True, color=True)
    if session.log:
        session.log.note_error(message)


def _suggest_value(error: click.UsageError) -> str:
    """The value nearest to one that is not among those an option takes."""
    param = error.param if isinstance(error, click.BadParameter) else None
    refused = re.match("'(.*)' is not one of", error.message)
    if param is None or refused is None or not isinstance(param.type, click.Choice):
        return ""
    from difflib import get_close_matches

    near = get_close_matches(refused[1], [str(choice) for choice in param.type.choices], n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""


def _complete_option(error: click.UsageError, ctx: click.Context) -> str:
    """Names the options that an abbreviation may have meant: abbreviations are not accepted."""
    if not isinstance(error, click.NoSuchOption):
        return ""
    known = {name for param in ctx.command.get_params(ctx) for name in (*param.opts, *param.secondary_opts)}
    full = sorted(name for name in known if name.startswith(error.option_name) and error.option_name.startswith("--"))
    return f"Options are not abbreviated: write {' or '.join(full)} for {error.option_name}." if full else ""
