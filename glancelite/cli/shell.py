"""`glancelite` without a command: a shell. From a terminal it has a prompt, history and completion; from anywhere else
it runs a command a line and exits with the worst code.
"""

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from glancelite import __version__

from .session import Session

PROMPT = "(glancelite) "
LEAVE = ("exit", "quit")
OWN_NAMES = ("glancelite", "openstack", "glance")
"""Lines may begin with these, as they do in documents."""
KEPT = 1000
"""Lines of history."""
_SECRET = re.compile(
    r"--\S*(pass|token|secret)|://[^/\s]*@|\btoken\s+revoke\b|[?&](sig|signature|token|temp_url_sig|x-amz-\S+)=",
    re.IGNORECASE,
)
"""A line with one of these is in no history."""

Run = Callable[[list[str], Session], int]


def run_shell(run: Run, session: Session) -> int:
    """Run commands until there are no more; returns the code to exit with."""
    session.is_shell, session.options = True, dict(session.said)
    try:
        if sys.stdin.isatty():
            _converse(run, session)
            return 0
        return _run_all(_lines_of_input(), run, session)
    finally:
        for _, transport in session.opened.values():
            transport.close()


def _run_all(lines: Iterator[str], run: Run, session: Session) -> int:
    worst = 0
    for line in lines:
        code = _run_line(line, run, session)
        if code is None:
            break
        worst = max(worst, code)
        if code in (130, 141):
            break
    return worst


def _lines_of_input() -> Iterator[str]:
    """The lines, from where no command can read them: one that takes image data from a pipe gets nothing."""
    sys.stdout.flush()
    with os.fdopen(os.dup(0), errors="surrogateescape") as lines:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        yield from iter(lines.readline, "")


def _run_line(line: str, run: Run, session: Session) -> int | None:
    """The code of one line's command; None: leave."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        click.echo(f"Error: {error}: {line.strip()}", err=True)
        return 2
    if words and words[0] in OWN_NAMES:
        words = words[1:]
    if not words:
        return 0
    if words[0] in LEAVE:
        return None
    try:
        return run(words, session)
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def _converse(run: Run, session: Session) -> None:
    if not session.said.get("quiet"):
        click.echo(f"glancelite {__version__}. `help` lists the commands, Ctrl-D leaves.", err=True)
    remember = _start_readline(session)
    while True:
        try:
            line = input(PROMPT if sys.stdout.isatty() else "")
        except KeyboardInterrupt:
            click.echo(err=True)
            continue
        except EOFError:
            click.echo(err=True)
            return
        remember(line)
        code = _run_line(line, run, session)
        if code is None or code == 141:
            return


def _start_readline(session: Session) -> Callable[[str], None]:
    """Give `input` history and completion, where Python has readline; returns what keeps a line."""
    try:
        import readline
    except ImportError:
        return lambda line: None
    file = _open_history()
    readline.set_auto_history(False)
    readline.set_history_length(KEPT)
    if file:
        readline.read_history_file(file)
    readline.set_completer_delims(" \t\n")
    readline.set_completer(_Completer(session))
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")

    def remember(line: str) -> None:
        last = readline.get_history_item(readline.get_current_history_length())
        if not line.strip() or line == last or _SECRET.search(line):
            return
        readline.add_history(line)
        with contextlib.suppress(OSError):  # it may have been taken away, or its disk is full
            if file and not is_libedit:
                readline.append_history_file(1, file)
            elif file:
                readline.write_history_file(file)

    return remember


def _open_history() -> str | None:
    """The file, made when it is missing, for nobody else to read; None where it cannot be used."""
    try:
        home = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
        file = Path(home) / "glancelite" / "history"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.chmod(0o600)
        with file.open("r+b"):
            return str(file)
    except (OSError, RuntimeError):  # there is no home, or it is not ours
        return None


class _Completer:
    """What readline asks for candidates, one number after the other."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: list[str] = []

    def __call__(self, piece: str, number: int) -> str | None:
        if number == 0:
            try:
                self._found = self._find(piece)
            except Exception:  # readline has no place for an error, and nobody asked for one
                self._found = []
        return self._found[number] if number < len(self._found) else None

    def _find(self, piece: str) -> list[str]:
        import readline

        from . import cli
        from .words import Completion, fit, read_line

        line = read_line(readline.get_line_buffer()[: readline.get_endidx()])
        self._session.begin()
        found = []
        for item in Completion(cli, {"obj": self._session}, "", "").get_completions(line.words, line.incomplete):
            values = _list_files(item.value, item.type == "dir") if item.type in ("file", "dir") else [item.value]
            for value in values:
                end = "" if value.endswith("/") else line.quote + " "
                fitting = fit(value, line.written, piece)
                found += [] if fitting is None else [fitting + end]
        return found


def _list_files(begin: str, is_dir: bool) -> list[str]:
    """Paths that begin like this; those of folders end with a slash."""
    folder, slash, name = begin.rpartition("/")
    here = Path(folder + slash).expanduser()
    hidden = name.startswith(".")
    found = [path for path in here.iterdir() if path.name.startswith(name) and hidden is path.name.startswith(".")]
    return sorted(folder + slash + path.name + "/" * path.is_dir() for path in found if path.is_dir() or not is_dir)
