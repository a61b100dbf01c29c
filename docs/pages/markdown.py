"""Pieces of Markdown."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

NOTE = "<!-- Made by `make docs` from {source}. Change it there. -->"


def compose(title: str, source: str, *parts: str) -> str:
    """A page with a title, the note where it comes from, and these parts."""
    return "\n\n".join([f"# {title}", NOTE.format(source=f"`{source}`"), *(part.strip("\n") for part in parts)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; a cell is text, and None an empty cell."""
    lines = [_row(head), _row(["---"] * len(head))]
    return "\n".join(lines + [_row(row) for row in rows])


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join("" if cell is None else str(cell).replace("|", "\\|") for cell in cells) + " |"


def code(text: Any) -> str:
    """Text as code; nothing for no text."""
    return f"`{text}`" if str(text) else ""


def manual(thing: object) -> str:
    """The docstring of a module or class, its indented samples as blocks of code."""
    text = (thing.__doc__ or "").strip() if inspect.ismodule(thing) else inspect.getdoc(thing) or ""
    out, inside = [], False
    for line in text.split("\n"):
        is_code = line.startswith("    ") or (inside and not line)
        if is_code != inside:
            out.append("```ini" if is_code else "```")
            if not is_code:
                out.append("")
        inside = is_code
        out.append(line[4:] if is_code else line)
    if inside:
        out.append("```")
    return "\n".join(out)
