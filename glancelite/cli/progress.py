"""Shows how far a transfer is, on stderr: a bar on a terminal, a line each tenth with -v, JSON lines for programs.

`GLANCELITE_PROGRESS` is auto (the default), never or json.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator

from .service import settings
from .text import printable

_PAUSE = 0.1
_BAR = 30


def follow(pieces: Iterable[bytes], total: int | None) -> Iterator[bytes]:
    """Pass the pieces on and show how many bytes have passed."""
    meter = choose_meter()
    done, started, shown = 0, time.monotonic(), 0.0
    for piece in pieces:
        yield piece
        done += len(piece)
        now = time.monotonic()
        if now - shown >= _PAUSE or done == total:
            shown = now
            meter.show(done, total, now - started)
    meter.show(done, total, time.monotonic() - started, is_last=True)
    meter.close()


class Meter:
    """Says nothing; the others say it in their ways."""

    def show(self, done: int, total: int | None, seconds: float, step: str = "", *, is_last: bool = False) -> None:
        """So many bytes are done, of a step that may have a name."""

    def say(self, text: str) -> None:
        """What is being done, where there are no bytes to count."""

    def close(self) -> None:
        """Nothing more comes."""


class _Lines(Meter):
    """One line for every tenth of a step, one for every other text."""

    def __init__(self) -> None:
        self._step, self._tenth, self._text = "", 0, ""

    def show(self, done: int, total: int | None, seconds: float, step: str = "", *, is_last: bool = False) -> None:
        if step != self._step:
            self._step, self._tenth = step, 0
        tenth = done * 10 // total if total else 0
        if tenth > self._tenth and not is_last:
            self._tenth = tenth
            print(_describe(done, total, seconds, step), file=sys.stderr)

    def say(self, text: str) -> None:
        if text != self._text:
            self._text = text
            print(printable(text), file=sys.stderr)


class _Json(Meter):
    def show(self, done: int, total: int | None, seconds: float, step: str = "", *, is_last: bool = False) -> None:
        if not is_last:
            figures = {"bytes": done, "total": total} | ({"step": step} if step else {})
            print(json.dumps(figures), file=sys.stderr, flush=True)


class _Bar(Meter):
    _is_drawn = False

    def show(self, done: int, total: int | None, seconds: float, step: str = "", *, is_last: bool = False) -> None:
        filled = min(_BAR * done // total, _BAR) if total else 0
        bar = f"[{'=' * filled}{' ' * (_BAR - filled)}] " if total else ""
        self._draw(bar + _describe(done, total, seconds, step))

    def say(self, text: str) -> None:
        self._draw(printable(text))

    def _draw(self, text: str) -> None:
        self._is_drawn = True
        room = shutil.get_terminal_size().columns - 1  # a longer line would not be drawn over by the next
        sys.stderr.write(f"\r{text[:room]}\x1b[K")
        sys.stderr.flush()

    def close(self) -> None:
        if self._is_drawn:
            sys.stderr.write("\n")


def choose_meter() -> Meter:
    """The meter for where stderr goes and what was asked for."""
    kind = os.environ.get("GLANCELITE_PROGRESS", "auto")
    if kind == "json":
        return _Json()
    if kind == "never" or settings().get("quiet"):
        return Meter()
    if sys.stderr.isatty():
        return _Bar()
    return _Lines() if settings().get("verbose") else Meter()


def _describe(done: int, total: int | None, seconds: float, step: str) -> str:
    rate = done / seconds if seconds > 0 else 0.0
    text = f"{done >> 20} MiB" + (f" of {total >> 20} MiB" if total else "") + f", {rate / (1 << 20):.1f} MiB/s"
    text += f", {(total - done) / rate:.0f} s left" if total and rate and done < total else ""
    return f"{printable(step)}: {text}" if step else text
