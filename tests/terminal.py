"""A terminal for tests: what a command shows there, and keys for it."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

PATIENCE = 30
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\x07")


class Terminal:
    """A process on a terminal."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], columns: int) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        starter = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", starter, *words], env={"TERM": "xterm", **environ},
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""
        self._told = 0

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait_for(self, text: str, again: str = "") -> str:
        """Until this is shown after what was waited for before; what was shown in between.

        `again` is typed every second: a key whose answer may come too late to be shown.
        """
        deadline = time.monotonic() + PATIENCE
        while text not in self.plain[self._told :]:
            left = deadline - time.monotonic()
            is_alive = self._read(max(0, min(left, 1) if again else left))
            assert left > 0 and (is_alive or again), f"no {text!r} in:\n{self.plain[self._told :]}"
            if not is_alive:
                self.type(again)
        end = self.plain.index(text, self._told) + len(text)
        between, self._told = self.plain[self._told : end], end
        return between

    @property
    def plain(self) -> str:
        """What was shown, without colours and movements."""
        return _ESCAPES.sub("", self.seen)

    def end(self) -> int:
        """Until the process is gone; its exit code."""
        while self._read(PATIENCE):
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self._ours, 1 << 16)
        except OSError:
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)


@contextmanager
def on_terminal(words: Sequence[str], environ: Mapping[str, str], columns: int = 100) -> Iterator[Terminal]:
    terminal = Terminal(words, environ, columns)
    try:
        yield terminal
    finally:
        terminal.close()
