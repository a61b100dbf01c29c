"""What an import plugin is and what it works on. How data comes to be staged, and what becomes of it, is the flow's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ...config import Config, Option
from ...domain.image import Image


class Workpiece(Protocol):
    """Staged data on its way into an image: a file to read, and what may be put in its place."""

    image: Image
    """The image as it is by now: its formats, its properties."""
    path: Path
    """The data, never to be written to."""
    size: int
    roles: tuple[str, ...]
    """Roles of who asked for the import."""
    cap: int
    """The most bytes that data may have."""

    def replace(self, fill: Callable[[Path], None]) -> None:
        """Let `fill` write other data to a path where nothing is yet; from then on it is the data: path and size
        change. If it raises, nothing changes and nothing is left.
        """

    def change(self, **fields: Any) -> None:
        """Set fields of the image (disk_format, container_format, virtual_size) or `properties` to add."""

    def report(self, message: str) -> None:
        """Tell what is being done; called at least every second while working. Raises when the work was lost or the
        image is gone: then stop at once, leave nothing running.
        """


class Plugin(Protocol):
    """One thing that is done to staged data. Its docstring is its manual page."""

    name: ClassVar[str]
    OPTIONS: ClassVar[tuple[Option, ...]]

    def __init__(self, config: Config) -> None:
        """Raises ConfigError when it cannot work here, saying what to install or to set."""

    def run(self, piece: Workpiece) -> None:
        """Do it; raises our errors only, and then the import fails."""
