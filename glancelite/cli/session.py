"""What outlives one command: in a shell the logins and the options that it was started with; else nothing does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glancelite.client.auth import Login
    from glancelite.client.transport import Transport

    from .log import Log

_NOT_ACCESS = ("color", "debug", "log_file", "quiet", "timing", "verbose", "yes")
"""Settings that have nothing to do with who asks, and where."""


@dataclass
class Session:
    """A run of the program: one command, or a shell with many."""

    is_shell: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    """Global options that the shell was started with."""
    said: dict[str, Any] = field(default_factory=dict)
    """Global options of the command that runs, and of the shell."""
    opened: dict[str, tuple["Login", "Transport"]] = field(default_factory=dict)
    log: "Log | None" = None
    """The command's, once it speaks with the service."""

    def begin(self) -> None:
        """Another command runs."""
        self.said = dict(self.options)

    def end(self) -> None:
        """The command is over, whatever became of it."""
        if self.log:
            self.log.close()
            self.log = None


def name_access(settings: Mapping[str, Any]) -> str:
    """Equal for settings that lead to the same service as the same user."""
    return repr(sorted((key, value) for key, value in settings.items() if key not in _NOT_ACCESS))
