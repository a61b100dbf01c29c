"""Reporting at a steady pace: a plugin says what it does as often as it likes, and some of it is passed on."""

import time

from .base import Workpiece

PAUSE = 0.5
"""Seconds between two reports; half of what may pass, for between two of them lies the work on a block."""


class Reports:
    """Passes on what a plugin says of its work, twice a second."""

    def __init__(self, piece: Workpiece) -> None:
        self._piece = piece
        self._next = 0.0

    def say(self, message: str) -> None:
        """Report this if it is time to; raises what `report` raises."""
        if time.monotonic() >= self._next:
            self._piece.report(message)
            self._next = time.monotonic() + PAUSE
