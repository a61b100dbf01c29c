"""The shell: `glancelite` without a command. Command after command, with one login for all of them.

On a terminal it has a prompt, completion and a history, in which no line with a secret is kept. Otherwise it runs the
lines of its standard input and ends with the worst of their codes.
"""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from click.shell_completion import ShellComplete

from .options import SECRETS
from .service import connections_kept

PROMPT = "(glancelite) "
_HISTORY = 1000
_CLOSED_PIPE = 141
_LEAVE = ("exit", "quit")
_OWN_NAMES = ("glancelite", "openstack")
"""Lines may begin with these, as they do in documents."""

Run = Callable[[list[str]], int]


def start(cli: click.Group, run: Run, options: Sequence[str]) -> int:
    """Run commands until the input ends, each with the global options that the shell was started with."""
    with connections_kept():
        if sys.stdin.isatty():
            return _Terminal(cli, run, options).talk()
        return _follow(run, options)


def _follow(run: Run, options: Sequence[str]) -> int:
    """One command a line; the worst code. What the commands themselves find on standard input is nothing."""
    lines = sys.stdin.buffer.read().decode(errors="surrogateescape").splitlines()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    worst = 0
    for line in lines:
        words = _split(line)
        if words and words[0] in _LEAVE:
            break
        code = 2 if words is None else run([*options, *words]) if words else 0
        worst = max(worst, code)
        if code == _CLOSED_PIPE:
            break
    return worst


def _split(line: str) -> list[str] | None:
    """The words of a line, as a shell would have them; None where it is not complete."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        click.echo(f"Error: {error}: {line}", err=True)
        return None
    return words[1:] if words and words[0] in _OWN_NAMES else words


class _Terminal:
    """The conversation with a person."""

    def __init__(self, cli: click.Group, run: Run, options: Sequence[str]) -> None:
        import readline

        self._readline, self._cli, self._run, self._options = readline, cli, run, options
        self._found: list[str] = []
        readline.set_auto_history(False)
        readline.set_completer_delims(" \t\n")
        readline.set_completer(self._complete)
        readline.parse_and_bind("tab: complete")

    def talk(self) -> int:
        file = _history_file()
        self._load(file)
        try:
            while (line := self._read()) is not None:
                self._remember(line)
                words = _split(line)
                if words and words[0] in _LEAVE:
                    break
                if words and self._run([*self._options, *words]) == _CLOSED_PIPE:
                    return _CLOSED_PIPE
        finally:
            self._keep(file)
        return 0

    def _read(self) -> str | None:
        """The next line; None at the end. Ctrl-C gives up a line, not the shell."""
        while True:
            try:
                return input(PROMPT)
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                print()

    # History ----------------------------------------------------------------------------------------------------------

    def _remember(self, line: str) -> None:
        if line.strip() and not any(f"--os-{secret.replace('_', '-')}" in line for secret in SECRETS):
            self._readline.add_history(line)

    def _load(self, file: Path) -> None:
        try:
            self._readline.read_history_file(file)
        except OSError:
            return  # there is none yet, or none that can be read

    def _keep(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            self._readline.set_history_length(_HISTORY)
            self._readline.write_history_file(file)
        except OSError as error:
            click.echo(f"The history is not kept: {error.strerror}: {file}", err=True)

    # Completion -------------------------------------------------------------------------------------------------------

    def _complete(self, text: str, state: int) -> str | None:
        if state == 0:
            self._found = self._find(text)
        return self._found[state] if state < len(self._found) else None

    def _find(self, text: str) -> list[str]:
        before = self._readline.get_line_buffer()[: self._readline.get_begidx()]
        try:
            words = shlex.split(before)
            items = ShellComplete(self._cli, {}, "glancelite", "").get_completions(words, text)
        except Exception:  # a completion that cannot be made is none
            return []
        return [f"{item.value} " for item in items if item.type == "plain"]


def _history_file() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(home) / "glancelite" / "history"
