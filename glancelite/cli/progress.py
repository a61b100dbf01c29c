"""Shows how far a transfer is, on stderr: a bar on a terminal, a line each tenth with -v, JSON lines for programs.

`GLANCELITE_PROGRESS` is auto (the default), never or json.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator

from .service import settings

_PAUSE = 0.1
_BAR = 30


def follow(pieces: Iterable[bytes], total: int | None) -> Iterator[bytes]:
    """Pass the pieces on and show how many bytes have passed."""
    show = _choose()
    done, started, shown = 0, time.monotonic(), 0.0
    for piece in pieces:
        yield piece
        done += len(piece)
        now = time.monotonic()
        if now - shown >= _PAUSE or done == total:
            shown = now
            show(done, total, now - started)
    show.close(done, total, time.monotonic() - started)


class _Silence:
    def __call__(self, done: int, total: int | None, seconds: float) -> None:
        """Say nothing."""

    def close(self, done: int, total: int | None, seconds: float) -> None:
        """Say nothing."""


class _Lines(_Silence):
    """One line for every tenth."""

    def __init__(self) -> None:
        self._tenth = 0

    def __call__(self, done: int, total: int | None, seconds: float) -> None:
        tenth = done * 10 // total if total else 0
        if tenth > self._tenth:
            self._tenth = tenth
            print(_describe(done, total, seconds), file=sys.stderr)


class _Json(_Silence):
    def __call__(self, done: int, total: int | None, seconds: float) -> None:
        print(json.dumps({"bytes": done, "total": total}), file=sys.stderr, flush=True)


class _Bar(_Silence):
    def __call__(self, done: int, total: int | None, seconds: float) -> None:
        filled = _BAR * done // total if total else 0
        bar = f"[{'=' * filled}{' ' * (_BAR - filled)}] " if total else ""
        sys.stderr.write(f"\r{bar}{_describe(done, total, seconds)}\x1b[K")
        sys.stderr.flush()

    def close(self, done: int, total: int | None, seconds: float) -> None:
        self(done, total, seconds)
        sys.stderr.write("\n")


def _choose() -> _Silence:
    kind = os.environ.get("GLANCELITE_PROGRESS", "auto")
    if kind == "json":
        return _Json()
    if kind == "never" or settings().get("quiet"):
        return _Silence()
    if sys.stderr.isatty():
        return _Bar()
    return _Lines() if settings().get("verbose") else _Silence()


def _describe(done: int, total: int | None, seconds: float) -> str:
    rate = done / seconds if seconds > 0 else 0.0
    text = f"{done >> 20} MiB" + (f" of {total >> 20} MiB" if total else "") + f", {rate / (1 << 20):.1f} MiB/s"
    return text + (f", {(total - done) / rate:.0f} s left" if total and rate and done < total else "")
