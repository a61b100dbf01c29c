"""Shows how far a transfer is, on stderr: a bar on a terminal, a line each tenth with -v, JSON lines for programs.

`GLANCELITE_PROGRESS` is auto (the default), never or json.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Self

import click

from .service import settings
from .text import printable

_WIDEST_BAR, _LEAST_BAR = 30, 8
_KINDS = ("auto", "never", "json")


def follow(
    pieces: Iterable[bytes], total: int | None, meter: "Meter", step: str = "", begun: int = 0
) -> Iterator[bytes]:
    """Pass the pieces on and show how many bytes have passed, after those that were there when it was begun."""
    tally = Tally(meter, total, step, begun)
    for piece in pieces:
        yield piece
        tally.add(len(piece))
    tally.finish()


class Tally:
    """Counts bytes, and lets a meter show them now and then with the rate since it began."""

    def __init__(self, meter: "Meter", total: int | None, step: str = "", begun: int = 0) -> None:
        self._meter, self._total, self._step = meter, total, step
        self._begun = self._done = begun
        self._started, self._shown = time.monotonic(), 0.0

    def add(self, count: int) -> None:
        """So many more bytes have passed."""
        self._done += count
        now = time.monotonic()
        if now - self._shown >= self._meter.pause or self._done == self._total:
            self._shown = now
            self._show(now)

    def finish(self) -> None:
        """No more will pass."""
        self._show(time.monotonic(), is_last=True)

    def _show(self, now: float, *, is_last: bool = False) -> None:
        seconds = now - self._started
        rate = (self._done - self._begun) / seconds if seconds > 0 else 0.0
        self._meter.show(self._done, self._total, rate, self._step, is_last=is_last)


class Meter:
    """Says nothing; the others say it in their ways."""

    pause = 0.1
    """Seconds between two looks."""

    def show(self, done: int, total: int | None, rate: float, step: str = "", *, is_last: bool = False) -> None:
        """So many bytes are done, so many a second, of a step that may have a name."""

    def say(self, text: str) -> None:
        """What is being done, where there are no bytes to count."""

    def check(self, algorithm: str) -> None:
        """All bytes have passed, and are being compared."""
        self.say(f"checking {algorithm}…")

    def close(self) -> None:
        """Nothing more comes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Lines(Meter):
    """One line for every tenth of a step (for every doubling where the end is not known), one for every other text."""

    pause = 0.0

    def __init__(self) -> None:
        self._step, self._tenth, self._text, self._next = "", 0, "", 1 << 20

    def show(self, done: int, total: int | None, rate: float, step: str = "", *, is_last: bool = False) -> None:
        if step != self._step:
            self._step, self._tenth, self._next = step, 0, 1 << 20
        tenth = done * 10 // total if total else 0
        is_due = tenth > self._tenth if total else done >= self._next or (is_last and done > 0)
        if is_due:
            self._tenth, self._next = tenth, max(self._next, done) * 2
            print(_describe(done, total, rate, step), file=sys.stderr)

    def say(self, text: str) -> None:
        if text != self._text:
            self._text = text
            print(printable(text), file=sys.stderr)


class _Json(Meter):
    def __init__(self) -> None:
        self._figures: dict[str, int | str | None] = {}

    def show(self, done: int, total: int | None, rate: float, step: str = "", *, is_last: bool = False) -> None:
        self._tell({"bytes": done, "total": total} | ({"step": step} if step else {}))

    def check(self, algorithm: str) -> None:
        self._tell({"bytes": 0, "total": None} | self._figures | {"step": f"checking {algorithm}"})

    def _tell(self, figures: dict[str, int | str | None]) -> None:
        if figures != self._figures:
            self._figures = figures
            print(json.dumps(figures), file=sys.stderr, flush=True)


class _Bar(Meter):
    """One line that is drawn over: what there is to say, and a bar in the room that is left."""

    _drawn = 0

    def show(self, done: int, total: int | None, rate: float, step: str = "", *, is_last: bool = False) -> None:
        text = _describe(done, total, rate, step)
        room = min(_room() - len(text) - 3, _WIDEST_BAR)
        if total and room >= _LEAST_BAR:
            filled = min(room * done // total, room)
            text = f"[{'=' * filled}{' ' * (room - filled)}] {text}"
        self._draw(text)

    def say(self, text: str) -> None:
        self._draw(printable(text))

    def _draw(self, text: str) -> None:
        text = text[: _room()]
        sys.stderr.write("\r" + text.ljust(min(self._drawn, _room())))
        sys.stderr.flush()
        self._drawn = len(text)

    def close(self) -> None:
        if self._drawn:
            self._drawn = 0
            sys.stderr.write("\n")
            sys.stderr.flush()


def choose_meter(is_wanted: bool = True) -> Meter:
    """The meter for where stderr goes and what was asked for."""
    kind = read_kind()
    if not is_wanted or kind == "never":
        return Meter()
    if kind == "json":
        return _Json()
    if settings().get("quiet"):
        return Meter()
    if sys.stderr.isatty():
        return _Bar()
    return _Lines() if settings().get("verbose") else Meter()


def read_kind() -> str:
    """What GLANCELITE_PROGRESS says; a usage error for what it may not be."""
    kind = os.environ.get("GLANCELITE_PROGRESS") or "auto"
    if kind not in _KINDS:
        raise click.UsageError(f"GLANCELITE_PROGRESS is '{kind}', which is not one of {', '.join(_KINDS)}.")
    return kind


def _room() -> int:
    """Columns to draw in, of the terminal that stderr is: stdout may be a file. A line that fills it would not be drawn
    over by the next."""
    import shutil

    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        columns = 0
    return (columns or shutil.get_terminal_size().columns) - 1


def _describe(done: int, total: int | None, rate: float, step: str) -> str:
    is_small = max(done, total or 0) < 1 << 20
    unit, size = ("KiB", 1 << 10) if is_small else ("MiB", 1 << 20)
    text = f"{done // size} {unit}" + (f" of {total // size} {unit}" if total else "")
    text += f", {rate / (1 << 20):.1f} MiB/s"
    text += f", {(total - done) / rate:.0f} s left" if total and rate and done < total else ""
    return f"{printable(step)}: {text}" if step else text
