"""Measures what the project promises about time, processor and memory: `make bench`, or `python -m bench NAME…`.

Exits 1 when a bound is broken. The names of rows are in ROWS.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import rows_data, rows_import, rows_metadata, rows_scale, rows_sendfile, rows_start
from bench.lines import Line
from bench.place import new_place
from bench.suite import Suite
from bench.table import PAGE, describe_load, describe_machine, render
from bench.target import OURS

ROWS: dict[str, Callable[[Suite], Iterator[Line]]] = {
    "start": rows_start.start,
    "cli": rows_start.command_line,
    "memory": rows_start.memory,
    "upload": rows_data.upload,
    "upload-chunked": rows_data.upload_chunked,
    "upload-parallel": rows_data.upload_parallel,
    "upload-small": rows_data.upload_small,
    "download": rows_data.download,
    "sendfile": rows_sendfile.sendfile,
    "ranges": rows_data.ranges,
    "show": rows_metadata.show,
    "create": rows_metadata.create,
    "patch": rows_metadata.patch,
    "list": rows_metadata.list_page,
    "walk": rows_metadata.walk,
    "apart": rows_scale.apart,
    "pages": rows_scale.pages,
    "filters": rows_scale.filters,
    "imports": rows_import.imports,
}


def main(words: list[str]) -> int:
    """Print lines as they come; the page is written where all rows were measured as they should be."""
    options = _parse(words)
    machine, before = describe_machine(), describe_load()
    lines = []
    with ExitStack() as stack:
        suite = Suite(stack, new_place(stack), options.quick, tuple(options.only or OURS), options.rounds)
        for name in options.rows or ROWS:
            for line in ROWS[name](suite):
                lines.append(line)
                print(_sentence(line), flush=True)
    page = render(lines, machine, before, describe_load())
    is_whole = not (options.rows or options.quick or options.only)
    if options.output or is_whole:
        Path(options.output or PAGE).write_text(page)
    return 0 if all(line.is_kept for line in lines) else 1


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="NAME", help=f"rows to measure, of: {', '.join(ROWS)}")
    parser.add_argument("--only", action="append", choices=OURS, help="measure this deployment (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round, to try the benchmark itself")
    parser.add_argument("--rounds", type=int, default=3, help="how often all take their turn (3)")
    parser.add_argument("--output", metavar="FILE", help=f"where the page goes, in place of {PAGE.name}")
    options = parser.parse_args(words)
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return options


def _sentence(line: Line) -> str:
    parts = [f"{line.row}: {line.title}", line.deployment, line.wall, line.cpu and f"CPU {line.cpu}", *line.beside]
    return " | ".join(part for part in (*parts, *map(str, line.verdicts)) if part)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
