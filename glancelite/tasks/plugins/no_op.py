"""The plugin that does nothing."""

from typing import ClassVar

from ...config import Config, Option
from .base import Workpiece


class NoOp:
    """Does nothing: an example, and a way to see that plugins run.

    ```ini
    [image_import_opts]
    image_import_plugins = no_op
    ```
    """

    name: ClassVar[str] = "no_op"
    OPTIONS: ClassVar[tuple[Option, ...]] = ()

    def __init__(self, config: Config) -> None:
        pass

    def run(self, piece: Workpiece) -> None:
        piece.report("Doing nothing")
