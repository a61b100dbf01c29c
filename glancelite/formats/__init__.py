"""What is this image? Looks at bytes as they stream by, says which formats they are, and whether they are safe to open.

The only importer of oslo.utils' format inspector, whose inspectors are made stricter here, one format a file. Safe
means: a hypervisor that opens the image reads nothing but the image (no backing file, no foreign data file or extent,
no parent), cannot be led to take it for another format, and finds tables no larger than disks need.
"""

import logging
from dataclasses import dataclass
from typing import cast

from oslo_utils.imageutils import format_inspector

from .qcow2 import Qcow2
from .vdi import Vdi
from .vhd import FOOTER, Vhd, fixed_disk_size
from .vhdx import Vhdx
from .vmdk import Vmdk

# The inspectors log each failed check themselves; here a refusal is told once, to who asked.
logging.getLogger(format_inspector.__name__).setLevel(logging.CRITICAL)

_INSPECTORS: dict[str, type[format_inspector.FileInspector]] = {
    **format_inspector.ALL_FORMATS,
    "qcow2": Qcow2,
    "vhd": Vhd,
    "vhdx": Vhdx,
    "vmdk": Vmdk,
    "vdi": Vdi,
}
del _INSPECTORS["raw"]

KNOWN = tuple(_INSPECTORS)
"""Formats that are recognised; everything else is raw."""

_HYBRIDS = {frozenset({"iso", "gpt"}): "iso", frozenset({"vhd", "gpt"}): "vhd"}
"""What may be two things at once, and which of them it is then: an ISO that boots from a stick; a fixed VHD, which is a
raw disk with a footer."""

_HEAD = 1 << 20
"""The first bytes are shown to the inspectors together, for all but a VHDX is recognised and checked by what begins in
them; and no more than these at once, for the parts of a VHDX are found in blocks that follow each other."""
_SECTOR = 512


@dataclass(frozen=True)
class Verdict:
    """What a whole stream turned out to be: its formats (none: raw), the size of the disk within, what is unsafe."""

    formats: tuple[str, ...]
    virtual_size: int | None
    unsafe: str | None

    @property
    def name(self) -> str:
        """The format in one word, a hybrid's too."""
        return _HYBRIDS.get(frozenset(self.formats)) or " and ".join(self.formats) or "raw"

    def fits(self, declared: str) -> bool:
        """May content of this kind call itself `declared`? Raw may be anything; what nobody can recognise may not
        look like something else; a format unknown to us is believed."""
        if declared == "raw":
            return True
        if declared in KNOWN:
            return self.name == declared
        return not self.formats


class Inspection:
    """Feed it every byte in order, then ask for the verdict. It keeps copies of what it wants to see again."""

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._tail = b""
        self._size = 0
        self._inspectors = [kind() for kind in _INSPECTORS.values()]
        self._broken: dict[str, str] = {}

    def feed(self, block: bytes | memoryview) -> None:
        self._size += len(block)
        self._tail = bytes(block[-FOOTER:]) if len(block) >= FOOTER else (self._tail + block)[-FOOTER:]
        if self._head is not None:
            self._head += block
            if len(self._head) < _HEAD:
                return
            block = self._begin(self._head)
        for at in range(0, len(block), _HEAD):
            self._pass_on(block[at : at + _HEAD])

    def _begin(self, head: bytes) -> bytes:
        """Show the head, and keep the inspectors that know it for theirs; the others need not look on. What is left of
        the head."""
        self._head = None
        self._pass_on(head[:_HEAD])
        seen, self._inspectors = self._inspectors, []
        for inspector in seen:
            if inspector.format_match:
                self._inspectors.append(inspector)
            else:
                _forget(inspector)
        return head[_HEAD:]

    def _pass_on(self, block: bytes | memoryview) -> None:
        for inspector in self._inspectors:
            if inspector.NAME in self._broken:
                continue
            try:
                inspector.eat_chunk(cast(bytes, block))
            except Exception as error:
                self._broken[inspector.NAME] = str(error)  # itself, it would hold on to the block

    def finish(self) -> Verdict:
        """The verdict over all that was fed."""
        if self._head is not None:
            # Hypervisors read whole sectors, so that a header in less than one is a header to them. Line ends, because
            # they leave a text (which is what a VMDK may be) a text.
            self._begin(self._head.ljust(_SECTOR, b"\n"))
        found = {one.NAME: one for one in self._inspectors}
        names = tuple(sorted(found))
        if len(found) > 1 and frozenset(found) != {"iso", "gpt"}:
            return Verdict(names, None, f"its content is several formats at once: {', '.join(names)}.")
        fixed = fixed_disk_size(self._tail, self._size) if set(found) <= {"gpt"} else None
        if not found:
            return Verdict(("vhd",) if fixed else (), fixed or self._size, None)
        main = found.get("iso") or next(iter(found.values()))
        unsafe = self._unsafe(main)
        if fixed:
            return Verdict(("gpt", "vhd"), fixed, unsafe)
        return Verdict(names, _virtual_size(main), unsafe)

    def _unsafe(self, inspector: format_inspector.FileInspector) -> str | None:
        name = inspector.NAME
        try:
            inspector.finish()
            if isinstance(inspector, Vhd):
                inspector.see_end(self._tail)
            inspector.safety_check()
        except format_inspector.SafetyCheckFailed as error:
            reasons = "; ".join(str(reason).rstrip(".") for reason in error.failures.values())
            return f"as {name} it is refused because of: {reasons}."
        except Exception as error:  # a header made to break its reader is not safe either, however it breaks it
            return f"it looks like {name} but cannot be checked ({self._broken.get(name, error)})."
        if name in self._broken:
            return f"it looks like {name} but cannot be read ({self._broken[name]})."
        return None


def recognise(head: bytes, tail: bytes, size: int) -> str:
    """The format of so many bytes by their beginning, at least a MiB if there is one, and their end: what all of them
    would be called. Nothing is said about safety."""
    inspection = Inspection()
    inspection.feed(head)
    inspection._size, inspection._tail = size, tail[-FOOTER:]
    return inspection.finish().name


def _forget(inspector: format_inspector.FileInspector) -> None:
    """Let go of what it captured now; itself it refers to itself, and waits for the collector."""
    for name in inspector.context_info:
        inspector.delete_region(name)


def _virtual_size(inspector: format_inspector.FileInspector) -> int | None:
    try:
        size = int(inspector.virtual_size)
    except Exception:
        return None
    return size if 0 < size < 1 << 63 else None
