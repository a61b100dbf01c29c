"""A workpiece over a directory, for tests of import plugins; what the flow would do with it is left out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from glancelite.config import Config, load
from glancelite.domain.image import Image
from glancelite.errors import Gone
from glancelite.tasks.plugins import Plugin, open_plugins, plugin_options

MIB = 1 << 20


def config(**settings: object) -> Config:
    """A configuration with `section__name` set."""
    overrides = {tuple(name.split("__")): value for name, value in settings.items()}
    return load(None, {"HOME": "/nowhere"}, overrides, lambda enabled: plugin_options())  # type: ignore[arg-type]


def plugin(name: str, **settings: object) -> Plugin:
    (found,) = open_plugins(config(image_import_opts__image_import_plugins=name, **settings))
    return found


class Piece:
    """Staged data in a directory of its own."""

    def __init__(
        self, directory: Path, data: bytes | Path, disk_format: str = "raw", *, container_format: str = "bare",
        cap: int = 1 << 30, roles: tuple[str, ...] = ("member",),
    ) -> None:  # fmt: skip
        self.image = Image("11111111-1111-4111-8111-111111111111", disk_format=disk_format,
                           container_format=container_format)  # fmt: skip
        self.directory = directory / "staging"
        self.directory.mkdir()
        self.path = self.directory / "staged"
        self.path.write_bytes(data if isinstance(data, bytes) else data.read_bytes())
        self.path.chmod(0o400)
        self.size = self.path.stat().st_size
        self.cap, self.roles = cap, roles
        self.said: list[str] = []
        self.changes: dict[str, Any] = {}
        self.lose_when: Callable[[str], bool] = lambda message: False

    def replace(self, fill: Callable[[Path], None]) -> None:
        target = self.directory / f"staged-{len(self.said)}"
        try:
            fill(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        self.path.unlink()
        self.path, self.size = target, target.stat().st_size

    def change(self, **fields: Any) -> None:
        self.changes |= fields
        self.image = replace(self.image, **fields)

    def report(self, message: str) -> None:
        self.said.append(message)
        if self.lose_when(message):
            raise Gone(image_id=self.image.id)

    @property
    def files(self) -> list[str]:
        return [path.name for path in self.directory.iterdir()]

    def is_untouched(self) -> bool:
        return self.files == ["staged"] and self.path.name == "staged" and not self.changes
