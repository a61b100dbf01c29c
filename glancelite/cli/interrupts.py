"""Ctrl-C while something is made on the service: the first ends it, and what was made is taken back before the command
ends; the second only says so; the third is obeyed."""

import os
import signal
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

    before = signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
