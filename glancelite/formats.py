"""What is this image? Looks at bytes as they stream by, says which formats they are, and whether they are safe to open.

The only importer of oslo.utils' format inspector. Safe means: a hypervisor that opens the image reads nothing but the
image (no backing file, no foreign data file or extent) and cannot be led to take it for another format.
"""

import logging
from dataclasses import dataclass
from typing import IO, Any, cast

from oslo_utils.imageutils import format_inspector

# The inspector logs each failed check as a warning of its own; here a refusal is told once, to who asked.
logging.getLogger(format_inspector.__name__).setLevel(logging.ERROR)

KNOWN = tuple(name for name in format_inspector.ALL_FORMATS if name != "raw")
"""Formats that are recognised; everything else is raw."""

_HYBRID = {"iso", "gpt"}
_HEAD = 1 << 20
"""The first bytes are shown to the inspector together, for it judges a VMDK's descriptor by the block it begins in; and
no more than these at once, for it finds the parts of a VHDX in blocks that follow each other."""
_SECTOR = 512


@dataclass(frozen=True)
class Verdict:
    """What a whole stream turned out to be: its formats (none: raw), the size of the disk within, what is unsafe."""

    formats: tuple[str, ...]
    virtual_size: int | None
    unsafe: str | None

    @property
    def name(self) -> str:
        """The format in one word; a bootable ISO that carries a partition table is an iso."""
        return "iso" if set(self.formats) == _HYBRID else " and ".join(self.formats) or "raw"

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
        self._block: bytes | memoryview = b""
        self._size = 0
        self._inspector = format_inspector.InspectWrapper(cast(IO[bytes], self))

    def read(self, size: int) -> bytes | memoryview:
        """The inspector's source: the block that is being fed."""
        return self._block

    def feed(self, block: bytes | memoryview) -> None:
        self._size += len(block)
        if self._head is not None:
            self._head += block
            if len(self._head) < _HEAD:
                return
            block, self._head = self._head, None
        for at in range(0, len(block), _HEAD):
            self._pass_on(block[at : at + _HEAD])

    def _pass_on(self, block: bytes | memoryview) -> None:
        self._block = block
        self._inspector.read(len(block))

    def close(self) -> None:
        """Called by the inspector, which closes its source."""

    def finish(self) -> Verdict:
        """The verdict over all that was fed."""
        if self._head:
            # Hypervisors read whole sectors, so that a header in less than one is a header to them. Line ends, because
            # they leave a text (which is what a VMDK may be) a text.
            self._pass_on(self._head.ljust(_SECTOR, b"\n"))
        self._inspector.close()
        try:
            found = [one for one in self._inspector.formats or () if str(one) != "raw"]
            names = tuple(sorted(str(one) for one in found))
        except Exception as error:
            return Verdict((), None, f"its format cannot be told ({error}).")
        if len(names) > 1 and set(names) != _HYBRID:
            return Verdict(names, None, f"its content is several formats at once: {', '.join(names)}.")
        main = [one for one in found if len(found) == 1 or str(one) == "iso"]
        unsafe = _unsafe(main[0]) if main else None
        return Verdict(names, _virtual_size(main[0]) if main else self._size, unsafe)


def _unsafe(inspector: Any) -> str | None:
    name = str(inspector)
    try:
        inspector.safety_check()
    except format_inspector.SafetyCheckFailed as error:
        reasons = "; ".join(str(reason).rstrip(".") for reason in error.failures.values())
        return f"as {name} it is refused because of: {reasons}."
    except Exception as error:  # a header made to break its reader is not safe either, however it breaks it
        return f"it looks like {name} but cannot be checked ({error})."
    return None


def _virtual_size(inspector: Any) -> int | None:
    try:
        size = int(inspector.virtual_size)
    except Exception:
        return None
    return size if 0 < size < 1 << 63 else None
