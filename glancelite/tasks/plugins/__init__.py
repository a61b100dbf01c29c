"""The plugins of an import by name, and those that the configuration asks for, in its order.

A plugin's module imports what it works with only when it works: all of them are imported to list their options.
"""

from collections.abc import Callable, Mapping

from ...config import Config, Option
from ...errors import ConfigError
from .base import Plugin, Workpiece

__all__ = ["PLUGINS", "Plugin", "Workpiece", "open_plugins", "plugin_options"]


def _image_conversion() -> type[Plugin]:
    from .image_conversion import ImageConversion

    return ImageConversion


def _image_decompression() -> type[Plugin]:
    from .image_decompression import ImageDecompression

    return ImageDecompression


def _inject_image_metadata() -> type[Plugin]:
    from .inject_image_metadata import InjectImageMetadata

    return InjectImageMetadata


def _no_op() -> type[Plugin]:
    from .no_op import NoOp

    return NoOp


def _ovf_process() -> type[Plugin]:
    from .ovf_process import OvfProcess

    return OvfProcess


PLUGINS: Mapping[str, Callable[[], type[Plugin]]] = {
    "image_conversion": _image_conversion,
    "image_decompression": _image_decompression,
    "inject_image_metadata": _inject_image_metadata,
    "no_op": _no_op,
    "ovf_process": _ovf_process,
}

OPTIONS: tuple[Option, ...] = (
    Option("image_import_opts", "image_import_plugins", "list", "", "What is done to the data of an import before it "
           "becomes the image's, in this order: ovf_process, image_decompression, image_conversion, "
           "inject_image_metadata, no_op."),
)  # fmt: skip


def plugin_options() -> tuple[Option, ...]:
    """The option that names the plugins, and those of each."""
    return (*OPTIONS, *(option for load in PLUGINS.values() for option in load().OPTIONS))


def open_plugins(config: Config) -> tuple[Plugin, ...]:
    """The plugins that the configuration names; ConfigError for one that there is not, or that cannot work here."""
    names = config["image_import_opts.image_import_plugins"]
    for name in names:
        if name not in PLUGINS:
            known = ", ".join(PLUGINS)
            reason = f"[image_import_opts] image_import_plugins names '{name}'; the plugins that there are: {known}."
            raise ConfigError(reason=reason)
    return tuple(PLUGINS[name]()(config) for name in names)
