"""Draws tables of text with a frame, in the shape that `openstack` prints, fitted to a width when asked."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType

from .color import paint
from .text import printable, width

NARROWEST = 8


def draw(titles: Sequence[str], rows: Sequence[Sequence[str]], to_right: Sequence[bool], most: int = 0,
         colors: Mapping[tuple[int, int], str] = MappingProxyType({})) -> str:  # fmt: skip
    """The table as text; no wider than `most` columns where its cells can be wrapped so far (0: as wide as it is).

    `colors` are those of cells, by row and column.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    titles = [printable(title) for title in titles]
    widths = [max(_width(row[i]) for row in (titles, *rows)) for i in range(len(titles))]
    widths = _shrink(widths, most - 3 * len(widths) - 1) if most else widths
    frame = "+" + "+".join("-" * (size + 2) for size in widths) + "+"
    lines = [frame, *_row(titles, widths, to_right), frame]
    for number, row in enumerate(rows):
        lines += _row(row, widths, to_right, [colors.get((number, i)) for i in range(len(row))])
    return "\n".join([*lines, frame])


def _width(cell: str) -> int:
    return max(map(width, cell.split("\n")))


def _shrink(widths: list[int], room: int) -> list[int]:
    """Take columns from the widest until all fit."""
    widths = list(widths)
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _row(
    cells: Sequence[str], widths: Sequence[int], to_right: Sequence[bool], colors: Sequence[str | None] = ()
) -> list[str]:
    stacks = [_wrap(cell, size) for cell, size in zip(cells, widths, strict=True)]
    lines = []
    for parts in zip_longest(*stacks, fillvalue=""):
        padded = [_pad(*place) for place in zip(parts, widths, to_right, strict=True)]
        padded = [paint(*place) for place in zip(padded, colors, strict=True)] if any(colors) else padded
        lines.append("| " + " | ".join(padded) + " |")
    return lines


def _wrap(cell: str, size: int) -> list[str]:
    lines: list[str] = []
    for line in cell.split("\n"):
        lines += [line] if width(line) <= size else _break(line, size)
    return lines


def _break(line: str, size: int) -> list[str]:
    if line.isascii():
        import textwrap

        return textwrap.wrap(line, size) or [""]
    lines = [""]
    for char in line:  # of scripts with wide letters, most of which have no blanks to break at
        if width(lines[-1] + char) > size:
            lines.append("")
        lines[-1] += char
    return lines


def _pad(text: str, size: int, to_right: bool) -> str:
    blanks = " " * (size - width(text))
    return blanks + text if to_right else text + blanks
