"""qemu-img, asked in a child process that is held short, with nothing left for it to guess and no file named but those
it is to read and write. What it says of its troubles goes to the log; callers get a sentence."""

import json
import logging
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConversionFailed, GlanceliteError, ImageTooLarge, UnsafeContent
from .child import Limits, run_limited

log = logging.getLogger(__name__)

DRIVERS = {"raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx"}
"""What QEMU calls the formats that it is let read. A format that the inspection does not know (ploop) is not here, for
nobody could say that it is safe to open."""
_PROGRESS = re.compile(rb"\((\d+)\.\d+/100%\)")
_NO_SPACE = "there is no space left to write the result"
_NO_MEMORY = "it takes more memory than is allowed"
_MEANINGS: tuple[tuple[str, str], ...] = (
    ("No space left on device", _NO_SPACE),
    ("Disk quota exceeded", _NO_SPACE),
    ("llocate", _NO_MEMORY),
    ("allocation failed", _NO_MEMORY),
    ("qemu_thread_create", _NO_MEMORY),
    ("shared libraries", _NO_MEMORY),
)
"""Words of qemu-img, and what they mean."""
_VMDK_HEAD = 64 << 10
"""Bytes of a VMDK that end beyond any descriptor QEMU reads; the first data comes later."""


@dataclass(frozen=True)
class QemuImg:
    """A program that can be asked on behalf of one image. `say` is told what goes on, with the progress if known."""

    python: str
    program: str
    limits: Limits
    image_id: str
    say: Callable[[str], None]

    def measure(self, path: Path, disk_format: str) -> int:
        """The size of the disk in a file; UnsafeContent when it would draw on any other file. To be asked first."""
        if disk_format == "vmdk":
            check_vmdk(path, self.image_id)
        words = ("info", "--output=json", "-f", DRIVERS[disk_format], _name(path))
        told = self._ask(words, f"Measuring the {disk_format} disk", disk_format)
        try:
            facts: dict[str, Any] = json.loads(told)
            size = int(facts["virtual-size"])
            inner: dict[str, Any] = facts.get("format-specific", {}).get("data", {})
            names = {extent["filename"] for extent in inner.get("extents", ())}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            log.warning("Image %s: qemu-img info told %r", self.image_id, told)
            raise ConversionFailed(image_id=self.image_id, reason=f"as {disk_format} it is not understood") from error
        if "backing-filename" in facts or "data-file" in inner or names - {str(path.absolute())}:
            raise UnsafeContent(image_id=self.image_id, reason=f"as {disk_format} it refers to other files.")
        return size

    def convert(self, source: Path, disk_format: str, target: Path, output_format: str) -> None:
        """Write the disk that a file holds to another, that is not there yet, in another format."""
        words = ("convert", "-p", "-f", DRIVERS[disk_format], "-O", DRIVERS[output_format])
        # An absolute path is neither an option nor a protocol.
        self._ask(
            (*words, _name(source), str(target.absolute())), f"Converting {disk_format} to {output_format}", disk_format
        )

    def _ask(self, words: tuple[str, ...], doing: str, disk_format: str) -> bytes:
        """What qemu-img prints; raises ConversionFailed or ImageTooLarge for what became of it."""

        def watch(output: bytes) -> None:
            done = _PROGRESS.findall(output[-200:])
            self.say(f"{doing}: {int(done[-1])}%" if done else doing)

        try:
            ended = run_limited(self.python, (self.program, *words), self.limits, watch)
        except OSError as error:
            log.warning("Image %s: qemu-img: %s", self.image_id, error)
            raise ConversionFailed(image_id=self.image_id, reason="qemu-img cannot be run at the moment") from error
        if ended.code == 0:
            return ended.output
        log.warning("Image %s: qemu-img %s ended with %d: %r", self.image_id, words[0], ended.code, ended.complaint)
        raise self._error(ended.code, ended.complaint, disk_format)

    def _error(self, code: int, complaint: str, disk_format: str) -> GlanceliteError:
        if code == -signal.SIGXFSZ or "File too large" in complaint:
            return ImageTooLarge(image_id=self.image_id, limit=self.limits.file_size)
        meanings = [meaning for words, meaning in _MEANINGS if words in complaint]
        if code == -signal.SIGXCPU:
            meanings = [f"it takes more than {self.limits.cpu_seconds} seconds of processor time"]
        otherwise = "qemu-img broke off" if code < 0 else f"qemu-img cannot read it as {disk_format}"
        return ConversionFailed(image_id=self.image_id, reason=(meanings or [otherwise])[0])


def _name(path: Path) -> str:
    """A file to read as qemu-img is told of it: that it is one, and that nothing is behind it."""
    return "json:" + json.dumps({"backing": None, "file": {"driver": "file", "filename": str(path.absolute())}})


def check_vmdk(path: Path, image_id: str) -> None:
    """Raise UnsafeContent for a VMDK by which QEMU would come to other files, whatever its descriptor makes others
    believe: one that is only a descriptor (a text, or a header for a disk of no size), or has a parent.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_VMDK_HEAD)
    except OSError as error:
        raise ConversionFailed(image_id=image_id, reason="it cannot be read at the moment") from error
    if head[:4] != b"KDMV" or not any(head[12:20]):
        raise UnsafeContent(image_id=image_id, reason="as vmdk it only describes where data is to be found.")
    if b"parentfilenamehint" in head.lower():
        raise UnsafeContent(image_id=image_id, reason="as vmdk it has a parent.")
