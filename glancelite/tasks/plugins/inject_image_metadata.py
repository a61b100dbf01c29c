"""The plugin that gives imported images properties of the operator's choice."""

from typing import ClassVar

from ...config import Config, Option
from ...domain.fields import BY_NAME, is_reserved
from ...errors import ConfigError
from .base import Workpiece

_SECTION = "inject_metadata_properties"
_LONGEST_NAME = 255


class InjectImageMetadata:
    """Adds properties to each imported image, unless who imports it has one of certain roles. A property of that name
    which the image has already is replaced.

    ```ini
    [image_import_opts]
    image_import_plugins = inject_image_metadata

    [inject_metadata_properties]
    ignore_user_roles = admin
    inject = imported:yes, hw_disk_bus:scsi, docs:https://wiki.example/images
    ```
    """

    name: ClassVar[str] = "inject_image_metadata"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(_SECTION, "ignore_user_roles", "list", "admin", "Roles whose imports get no properties injected."),
        Option(_SECTION, "inject", "list", "", "Properties that other imports get: NAME:VALUE, comma separated. A "
               "value may hold colons, but no comma."),
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._spared = {role.lower() for role in config[f"{_SECTION}.ignore_user_roles"]}
        self._properties = read_properties(config[f"{_SECTION}.inject"])
        self.injected = tuple(self._properties)
        """Names of properties that an import which fails afterwards loses again."""

    def run(self, piece: Workpiece) -> None:
        if self._properties and self._spared.isdisjoint(role.lower() for role in piece.roles):
            piece.change(properties=dict(self._properties))


def read_properties(items: tuple[str, ...]) -> dict[str, str]:
    """`NAME:VALUE` items as a map; ConfigError for what is none, or has a name that no property may have."""
    found: dict[str, str] = {}
    for item in items:
        name, colon, value = (part.strip() for part in item.partition(":"))
        if not name or not colon:
            _refuse(f"'{item}' is not NAME:VALUE")
        if name in BY_NAME or is_reserved(name):
            _refuse(f"'{name}' is a name that the service keeps for itself")
        if len(name) > _LONGEST_NAME:
            _refuse(f"the name '{name[:20]}…' is longer than {_LONGEST_NAME} characters")
        if name in found:
            _refuse(f"'{name}' is there twice")
        found[name] = value
    return found


def _refuse(what: str) -> None:
    raise ConfigError(reason=f"[{_SECTION}] inject is not understood: {what}.")
