"""Mixed load for a while, `make bench-soak`: 32 clients upload, download and delete; then what it left is looked for.

Exits 1 when an answer was 5xx or not the data that was uploaded, memory or open files stay higher than before, or
`glancelite fsck` finds anything.
"""

import argparse
import os
import random
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.cpu import open_files, pss
from bench.load import MIB, Client, Refused
from bench.measures import command
from bench.place import new_place
from bench.processes import clean_environment
from bench.suite import Suite
from bench.target import OURS, POSTGRESQL, SHIPPED, Target

CLIENTS = 32
LEAST = 1000
SECONDS = 300
SIZES = (0, 1, 64 << 10, MIB, 5 * MIB + 7, 16 * MIB, 64 * MIB)
_WEIGHTS = (2, 2, 8, 8, 6, 4, 2)
_SETTLE = 90
"""Seconds in which connections and memory may come back."""
_LEASE = 10
"""Seconds between two looks: a lease is renewed in between, and idle connections are closed then."""


@dataclass
class Tally:
    """What the clients have seen."""

    uploads: int = 0
    downloads: int = 0
    size: int = 0
    refusals: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, size: int) -> None:
        with self._lock:
            self.uploads, self.downloads, self.size = self.uploads + 1, self.downloads + 1, self.size + size


def main(words: list[str]) -> int:
    """Soak and report; 1 when anything is not as it should be."""
    parser = argparse.ArgumentParser("python -m bench.soak", description=__doc__)
    parser.add_argument("--on", choices=OURS, default=SHIPPED, help="the deployment")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="so long")
    options = parser.parse_args(words)
    with ExitStack() as stack:
        suite = Suite(stack, new_place(stack))
        files = _make_files(suite.place)
        target = suite.target(options.on)
        _soak(target, files, Tally(), 20)  # caches fill, threads are made: that much memory stays
        memory, handles = _rest(target)
        tally = Tally()
        start = time.monotonic()
        _soak(target, files, tally, options.seconds)
        spent = time.monotonic() - start
        found = _look(target, tally, memory, handles)
    print(f"{tally.uploads} uploads and downloads, {tally.size / MIB:,.0f} MiB each way, in {spent:.0f} s")
    for is_well, text in found:
        print(f"{'ok' if is_well else 'NOT OK':<8}{text}")
    return 0 if all(is_well for is_well, _ in found) else 1


def _soak(target: Target, files: list[Path], tally: Tally, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_live, args=(target, files, tally, deadline, number)) for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _live(target: Target, files: list[Path], tally: Tally, deadline: float, number: int) -> None:
    """One client: an image after the other is made, filled, read and deleted, until the time is up."""
    choice, client = random.Random(number), target.client(f"project-{number % 4}")
    while time.monotonic() < deadline:
        file = choice.choices(files, _WEIGHTS)[0]
        try:
            _turn(client, file, is_chunked=choice.random() < 0.3)
            tally.count(file.stat().st_size)
        except (Refused, OSError) as error:
            tally.refusals.append(f"{type(error).__name__}: {error}")
            client.close()
    client.close()


def _turn(client: Client, file: Path, is_chunked: bool) -> None:
    size = file.stat().st_size
    image = client.create(name=file.name, bench_size=str(size))
    client.upload(image["id"], file, is_chunked)
    shown = client.get(image["self"])
    if (shown["status"], shown["size"]) != ("active", size):
        raise Refused(f"200 but the image is {shown['status']} with {shown['size']} of {size} bytes")
    if size and client.download(image["file"]) != size:
        raise Refused("200 but not all of the data")
    client.delete(image["id"])


def _make_files(place: Path) -> list[Path]:
    files = [place / f"{size}.raw" for size in SIZES]
    for file, size in zip(files, SIZES, strict=True):
        file.write_bytes(os.urandom(size))
    return files


def _rest(target: Target) -> tuple[int, int]:
    """Memory and open files, once both have stopped shrinking."""
    deadline, before = time.monotonic() + _SETTLE, (sys.maxsize, sys.maxsize)
    while True:
        time.sleep(_LEASE)
        now = pss(target.service_roots), open_files(target.service_roots)
        if time.monotonic() > deadline or (now[1] >= before[1] and now[0] >= before[0] - MIB):
            return now
        before = now


def _look(target: Target, tally: Tally, memory: int, handles: int) -> list[tuple[bool, str]]:
    """What is as it should be, and what is not."""
    memory_after, handles_after = _rest(target)
    database = {"GLANCELITE_DATABASE_CONNECTION": target.database} if target.name == POSTGRESQL else {}
    words = command("fsck", "--hash", "--data-dir", str(target.place / "data"))
    checked = subprocess.run(words, env=clean_environment(database), capture_output=True, text=True, check=False)
    share = memory_after / memory
    return [
        (not tally.refusals, f"unexpected answers: {len(tally.refusals)} {sorted(set(tally.refusals))[:5]}"),
        (tally.uploads >= LEAST, f"uploads and downloads: {tally.uploads}, at least {LEAST}"),
        (share <= 1.1, f"memory (PSS): {memory / MIB:.1f} MiB before, {memory_after / MIB:.1f} MiB after"),
        (handles_after <= handles, f"open files: {handles} before, {handles_after} after"),
        (checked.returncode == 0, f"glancelite fsck --hash: {(checked.stdout + checked.stderr).strip()[-1000:]}"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
