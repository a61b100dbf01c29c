"""Ctrl-C while something is made on the service: the first ends it, and what was made is taken back before the command
ends; the second only says so; the third is obeyed. None is lost: one that comes while Python is in a destructor, where
it drops all exceptions, comes again a moment later."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SECOND = b"\nWhat was begun is being taken back; Ctrl-C once more leaves it as it is.\n"


@contextmanager
def taken_back() -> Iterator[None]:
    """Count the Ctrl-Cs of this block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    presses = 0

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses != 2:
            raise KeyboardInterrupt
        os.write(2, _SECOND)

    def press_again(lost: "sys.UnraisableHookArgs") -> None:
        nonlocal presses
        if lost.exc_type is not KeyboardInterrupt:
            hook(lost)
            return
        presses -= 1
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()

    before, hook = signal.signal(signal.SIGINT, press), sys.unraisablehook
    sys.unraisablehook = press_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, before)
