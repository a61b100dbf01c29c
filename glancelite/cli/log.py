"""The log of requests: on stderr as loud as -v and --debug say, and in a file with the time of each line."""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from .text import printable

_CLIENT = logging.getLogger("glancelite.client")


_CLIENT.propagate = False
logging.getLogger("keystoneauth").addHandler(logging.NullHandler())  # what it has to say is in its errors


class _Printable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class Log:
    """Listens to the client, for one command."""

    def __init__(self, chosen: Mapping[str, Any]) -> None:
        verbose = int(chosen.get("verbose") or 0)
        level = logging.DEBUG if chosen.get("debug") or verbose > 1 else logging.INFO if verbose else logging.WARNING
        path = chosen.get("log_file")
        screen = logging.StreamHandler(sys.stderr)
        screen.setLevel(level)
        screen.setFormatter(_Printable())
        self._file = _open_file(str(path)) if path else logging.NullHandler()
        self._handlers = screen, self._file
        for handler in self._handlers:
            _CLIENT.addHandler(handler)
        _CLIENT.setLevel(min(level, logging.INFO) if path else level)

    def note_error(self, message: str) -> None:
        """The last word of a command that failed; it is on stderr anyway, so that only the file gets it."""
        self._file.handle(logging.makeLogRecord({"levelno": logging.ERROR, "levelname": "ERROR", "msg": message}))

    def close(self) -> None:
        for handler in self._handlers:
            _CLIENT.removeHandler(handler)
        if isinstance(self._file, logging.StreamHandler):
            self._file.stream.close()


def _open_file(path: str) -> logging.Handler:
    try:
        stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"The log file {path} cannot be written: {error.strerror}.") from error
    file = logging.StreamHandler(stream)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return file
