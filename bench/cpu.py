"""What processes use, read from /proc: CPU seconds, memory and open files of a process and all that it started."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def tree(roots: Iterable[int]) -> list[int]:
    """These processes and their descendants that live now."""
    children: dict[int, list[int]] = {}
    for pid, fields in _stats():
        children.setdefault(int(fields[1]), []).append(pid)
    found, waiting = [], list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """CPU time of these trees: of who lives, and of who ended and was waited for, which its parent counts."""
    members = set(tree(roots))
    return sum(sum(map(int, fields[11:15])) for pid, fields in _stats() if pid in members) / _TICKS


def pss(roots: Iterable[int]) -> int:
    """Bytes of memory of these trees; what processes share is counted once."""
    return sum(_pss(pid) for pid in tree(roots))


def open_files(roots: Iterable[int]) -> int:
    """How many files and sockets these trees hold open."""
    return sum(_count(PROC / str(pid) / "fd") for pid in tree(roots))


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Of each process its pid and the fields of its stat from the state on: the name before may hold anything."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield int(entry.name), text.rpartition(")")[2].split()


def _pss(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _count(directory: Path) -> int:
    try:
        return len(list(directory.iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return 0
