"""The plugin that converts images to one format. How qemu-img is asked is in qemu/."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ...config import Config, Option
from ...errors import ConfigError, ConversionFailed, ImageTooLarge
from .base import Workpiece
from .reports import Reports

_SECTION = "image_conversion"
OUTPUTS = ("raw", "qcow2", "vmdk")
LEFT_ALONE = ("iso", "ami", "ari", "aki")
"""Formats whose images are used as they are: they are no disks that another format could hold."""
_BLOCK = 1 << 20


class ImageConversion:
    """Converts the data of an import to `output_format`, so that a store holds images of one format only.

    The data is inspected first: it must be in the image's disk_format (anything may be raw, and is taken as raw then)
    and safe to open. Images that have the format already are left as they are, and so are those of disk_format iso,
    ami, ari and aki and those whose container_format is not bare. ploop cannot be converted. The image then has the new
    disk_format and virtual_size, and container_format bare.

    qemu-img runs as a process of its own with an empty environment and no more memory and processor time than is set
    here. It ends when the import is given up, the image is deleted or this service is killed.

    ```ini
    [image_import_opts]
    image_import_plugins = image_conversion

    [image_conversion]
    output_format = raw
    ```
    """

    name: ClassVar[str] = "image_conversion"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(_SECTION, "output_format", "str", "raw", "Format that imported images are converted to: raw, qcow2 or "
               "vmdk."),
        Option(_SECTION, "qemu_img", "path", "qemu-img", "The program that converts: its path, or its name in PATH."),
        Option(_SECTION, "cpu_seconds", "int", 3600, "Most seconds of processor time that one conversion may take.",
               minimum=1),
        Option(_SECTION, "memory", "bytes", "1 GB", "Most address space that one conversion may take.", minimum=1),
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        from ...qemu.child import Limits, find_python

        self._output: str = config[f"{_SECTION}.output_format"]
        if self._output not in OUTPUTS:
            reason = f"[{_SECTION}] output_format is '{self._output}', but one of {', '.join(OUTPUTS)} is expected."
            raise ConfigError(reason=reason)
        self._program = _find_program(config[f"{_SECTION}.qemu_img"])
        self._python = find_python()
        self._limits = Limits(config[f"{_SECTION}.memory"], config[f"{_SECTION}.cpu_seconds"], 0)

    def run(self, piece: Workpiece) -> None:
        from ...qemu import DRIVERS, QemuImg

        image, reports = piece.image, Reports(piece)
        if image.container_format != "bare":
            return
        _inspect(piece, reports)
        declared = image.disk_format or ""
        if declared in LEFT_ALONE or declared == self._output:
            return
        if declared not in DRIVERS:
            raise ConversionFailed(image_id=image.id, reason=f"no conversion from {declared} is offered")
        limits = replace(self._limits, file_size=piece.cap)
        qemu_img = QemuImg(self._python, self._program, limits, image.id, reports.say)
        virtual_size = 0

        def fill(target: Path) -> None:
            nonlocal virtual_size
            qemu_img.convert(piece.path, declared, target, self._output)
            virtual_size = qemu_img.measure(target, self._output)

        disk_size = qemu_img.measure(piece.path, declared)
        if self._output == "raw" and disk_size > piece.cap:
            raise ImageTooLarge(image_id=image.id, limit=piece.cap)
        piece.replace(fill)
        piece.change(disk_format=self._output, container_format="bare", virtual_size=virtual_size)


def _find_program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        reason = (
            f"The import plugin image_conversion needs qemu-img, but there is no program '{name}'. Install qemu-utils "
            f"(Debian's package with it), or set [{_SECTION}] qemu_img to its path."
        )
        raise ConfigError(reason=reason)
    return str(Path(found).absolute())


def _inspect(piece: Workpiece, reports: Reports) -> None:
    """Raise UnsafeContent or FormatMismatch when data of this kind may not become this image."""
    from ...formats import Inspection
    from ...usecases.intake import check_format

    inspection, buffer = Inspection(), memoryview(bytearray(_BLOCK))
    try:
        with piece.path.open("rb", buffering=0) as source:
            while count := source.readinto(buffer):
                inspection.feed(buffer[:count])
                reports.say("Inspecting the data")
    except OSError as error:
        raise ConversionFailed(image_id=piece.image.id, reason="it cannot be read at the moment") from error
    check_format(piece.image, inspection.finish(), must_match=True)
