"""Measures what the project promises about time and memory: `make bench`. Exits 1 when a bound is not kept.

Each measurement is taken in turn with a reference of the same kind (an empty Python for a start, the bare hashes for an
upload), so that a ratio tells something on any machine.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.measures import (
    command,
    measure_hashes,
    measure_memory,
    measure_start,
    measure_upload,
    run,
    serve,
)

TIMES = 5
MIB = 1 << 20
UPLOAD_BYTES = 256 * MIB


@dataclass(frozen=True)
class Row:
    """A measured value, its bound (None: none is promised) and the reference it was taken in turn with."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    reference: float | None = None

    @property
    def is_kept(self) -> bool:
        return self.bound is None or self.value <= self.bound

    def __str__(self) -> str:
        bound = "" if self.bound is None else f"{'keeps' if self.is_kept else 'BREAKS'} {self.bound:g} {self.unit}"
        ratio = "" if self.reference is None else f"{self.value / self.reference:6.2f} × {self.reference:.3f}"
        return f"{self.name:<44} {self.value:8.3f} {self.unit:<4} {bound:<18} {ratio}".rstrip()


def in_turn(measure: Callable[[], float], reference: Callable[[], float], times: int = TIMES) -> tuple[float, float]:
    """Medians of a measurement and its reference, taken alternately."""
    pairs = [(measure(), reference()) for _ in range(times)]
    return median(value for value, _ in pairs), median(value for _, value in pairs)


def an_empty_python() -> float:
    return run([sys.executable, "-c", "pass"])


@contextmanager
def a_directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="glancelite-bench-") as name:
        yield Path(name)


def rows() -> Iterator[Row]:
    """Everything that is measured, one after the other."""
    with a_directory() as place:
        value, reference = in_turn(lambda: measure_start(place), an_empty_python)
        yield Row("server run: start to first answer", value, "s", 1.0, reference)
    with a_directory() as place, serve(place) as server:
        yield Row("server run: memory at rest, 1 worker (PSS)", measure_memory(server.pid) / MIB, "MiB", 80)
        listing = [*command("image", "list"), "--os-auth-type", "none", "--os-endpoint", server.url]
        value, reference = in_turn(lambda: run(listing), an_empty_python)
        yield Row("image list: wall", value, "s", 0.25, reference)
        value, reference = in_turn(lambda: run(command("--version")), an_empty_python)
        yield Row("--version: wall", value, "s", 0.1, reference)
        data = place / "data.raw"
        data.write_bytes(b"glancelite" * (UPLOAD_BYTES // 10))
        value, reference = in_turn(lambda: measure_upload(server.url, data), lambda: measure_hashes(data), 3)
        yield Row("upload of 256 MiB, against md5 and sha512", value, "s", None, reference)


def main() -> int:
    """Print the rows as they come; 1 when one of them breaks its bound."""
    is_kept = True
    for row in rows():
        print(row, flush=True)
        is_kept &= row.is_kept
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
