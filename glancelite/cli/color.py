"""Colour, where there is any: the word for a status in a table, and the prefix of an error."""

import os
from collections.abc import Mapping
from typing import Any, TextIO

import click

GREEN, YELLOW, RED = "32", "33", "31"
STATUSES = {
    "active": GREEN, "success": GREEN, "accepted": GREEN,
    "queued": YELLOW, "saving": YELLOW, "uploading": YELLOW, "importing": YELLOW, "processing": YELLOW,
    "pending": YELLOW,
    "deactivated": RED, "killed": RED, "deleted": RED, "pending_delete": RED, "failure": RED, "rejected": RED,
}  # fmt: skip
CHOICES = ("auto", "always", "never")


def is_colored(said: Mapping[str, Any], stream: TextIO) -> bool:
    """Does this stream get colour? --color says, else NO_COLOR or FORCE_COLOR, else a terminal does."""
    choice = said.get("color") or "auto"
    if choice == "auto" and os.environ.get("NO_COLOR"):
        return False
    if choice == "auto" and os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    return choice == "always" or (choice == "auto" and stream.isatty() and os.environ.get("TERM") != "dumb")


def paint(text: str, color: str | None) -> str:
    """The text in this colour."""
    return f"\x1b[{color}m{text}\x1b[0m" if color else text


def said_now() -> Mapping[str, Any]:
    """The global options of the command that runs."""
    from .options import KEY

    ctx = click.get_current_context(silent=True)
    said: Mapping[str, Any] = ctx.meta.get(KEY, {}) if ctx else {}
    return said
