"""The page: what was measured on which machine, as a table in Markdown."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.lines import Line

PAGE = Path(__file__).parents[1] / "docs/performance.md"

INTRODUCTION = """# Performance

Made by `make bench`, which fails when a bound is broken. Each value is the median of rounds in which all deployments
and references did the same work in turn, on one machine. CPU is the time of all processes of a server, its database
and nginx included, for one request. Glance is release 33 behind uwsgi with two processes, on PostgreSQL, with its file
store and without a token check; both PostgreSQL servers sync to disk.
"""


def describe_machine() -> str:
    """Cores, processor, kernel and Python, and when."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{moment}, {os.cpu_count()} cores ({model}), {system}"


def describe_load() -> str:
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def render(lines: Iterable[Line], machine: str, before: str, after: str, note: str = "") -> str:
    """The whole page."""
    found = list(lines)
    broken = sum(not line.is_kept for line in found)
    verdict = "All bounds are met." if not broken else f"{broken} of {len(found)} lines break a bound."
    facts = f"Measured on {machine}. Load average before: {before}; after: {after}. {note}{verdict}"
    head = ("what", "deployment", "wall", "CPU", "beside it", "bounds")
    rows = [_cells(line, previous) for line, previous in zip(found, [None, *found], strict=False)]
    return f"{INTRODUCTION}\n{facts}\n\n" + "\n".join(map(_row, [head, ["---"] * len(head), *rows])) + "\n"


def _cells(line: Line, previous: Line | None) -> Sequence[str]:
    title = "" if previous is not None and previous.title == line.title else line.title
    return (title, line.deployment, line.wall, line.cpu, "; ".join(line.beside), "; ".join(map(str, line.verdicts)))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
